"""Physical features of water and change as fixed layers of a network.

Each module reverses the normalisation of (N, C, H, W) values, and returns further planes with values of the
order of one and a logit from physics alone, the prior. The modules are exported with the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from geoseg.models.networks.change.two_dates import dates_of
from torch import Tensor, nn
from torch.nn import functional


def box_mean(planes: Tensor, radius: int) -> Tensor:
    """Return the mean over a square of `2 * radius + 1` pixels, at edges over its part in the image."""
    size = 2 * radius + 1
    # Rows, then columns: the number of additions is linear in the side of the window.
    rows = functional.avg_pool2d(planes, (size, 1), stride=1, padding=(radius, 0), count_include_pad=False)
    return functional.avg_pool2d(rows, (1, size), stride=1, padding=(0, radius), count_include_pad=False)


class Denormalise(nn.Module):
    """Converts normalised values to physical ones."""

    def __init__(self, mean: Sequence[float], std: Sequence[float], scale: float) -> None:
        """Take the parameters of the normalisation: (physical * scale - mean) / std."""
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1) / scale)
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1) / scale)

    mean: Tensor
    std: Tensor

    def forward(self, planes: Tensor) -> Tensor:
        """Return physical values."""
        return planes * self.std + self.mean


def ratio(first: Tensor, second: Tensor) -> Tensor:
    """Normalised difference (first - second) / (first + second) of reflectances, limited to -1..1."""
    first, second = first.clamp(min=1e-3), second.clamp(min=1e-3)
    return (first - second) / (first + second)


class WaterIndices(nn.Module):
    """NDWI, MNDWI, NDVI, AWEI and their local means; the prior is MNDWI above its threshold.

    McFeeters 1996 (NDWI), Xu 2006 (MNDWI), Feyisa 2014 (AWEI, without shadow).
    """

    planes = 7

    def __init__(self, bands: Sequence[str], denormalise: Denormalise) -> None:
        """Find green, red, nir, swir16 and swir22 among the bands."""
        super().__init__()
        self.denormalise = denormalise
        self.where = [list(bands).index(name) for name in ("green", "red", "nir", "swir16", "swir22")]

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, 7, H, W) features and the (N, 1, H, W) logit of water."""
        physical = self.denormalise(planes)
        green, red, nir, swir16, swir22 = (physical[:, i : i + 1] for i in self.where)
        ndwi, mndwi, ndvi = ratio(green, nir), ratio(green, swir16), ratio(nir, red)
        awei = (4 * (green - swir16) - 0.25 * nir - 2.75 * swir22).clamp(-2, 2)
        dark = torch.log(nir.clamp(min=1e-3)) + 2
        features = torch.cat([ndwi, mndwi, ndvi, awei, dark, box_mean(mndwi, 2), box_mean(mndwi, 8)], dim=1)
        return features, (mndwi + 0.05) * 6


class Backscatter(nn.Module):
    """Smoothed VV and VH in dB at three scales, and their texture; the prior is VH below -20 dB."""

    planes = 8

    def __init__(self, bands: Sequence[str], denormalise: Denormalise) -> None:
        """Find vv and vh among the bands."""
        super().__init__()
        self.denormalise = denormalise
        self.where = [list(bands).index(name) for name in ("vv", "vh")]

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, 8, H, W) features and the (N, 1, H, W) logit of water."""
        physical = self.denormalise(planes)
        both = torch.cat([physical[:, i : i + 1] for i in self.where], dim=1).clamp(-40, 10)
        near, wide = box_mean(both, 2), box_mean(both, 8)
        texture = box_mean((both - near) ** 2, 3).sqrt()
        centre = torch.tensor([-15.0, -22.0]).reshape(1, 2, 1, 1).to(both)
        features = torch.cat(
            [(near - centre) / 4, (wide - centre) / 4, texture - 1.5, (near - wide) / 4], dim=1
        )
        vv, vh = near[:, :1], near[:, 1:]
        return features, torch.maximum(-20 - vh, (-17 - vv) * 0.5 - 1) * 1.2


def scene_and_before(bands: Sequence[str]) -> list[int]:
    """Return the channels of the scene and of the scene before, of one band each."""
    earlier = next(index for index, band in enumerate(bands) if ":" in band)
    return [1 - earlier, earlier]


class TwoDates(nn.Module):
    """A scene and the scene before, each normalised by its own statistics; the prior is a decrease."""

    planes = 6

    def __init__(self, bands: Sequence[str], denormalise: Denormalise) -> None:
        """Find the scene's band and that of the scene before."""
        super().__init__()
        del denormalise
        self.where = scene_and_before(bands)

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, 6, H, W) features and the (N, 1, H, W) logit of flood."""
        after, before = (planes[:, i : i + 1] for i in self.where)
        near = box_mean(after, 2), box_mean(before, 2)
        wide = box_mean(after, 12), box_mean(before, 12)
        features = torch.cat([*near, *wide, after - before, near[0] - near[1]], dim=1)
        return features, (near[1] - near[0]) * 0.7 - near[0] * 0.7 - 1


class Differences(nn.Module):
    """Differences between two dates of the same bands, each normalised by the statistics of its scene.

    Per band the difference and its local mean; of all bands the root mean square difference, over small and
    wide windows. The prior is a root mean square difference above the usual one of a scene.
    """

    def __init__(self, bands: Sequence[str], denormalise: Denormalise) -> None:
        """Find the bands of either date.

        Raises:
            UsageError: there are not two dates of the same bands.
        """
        super().__init__()
        del denormalise
        self.first, self.second = dates_of(bands)
        self.planes = 2 * len(self.first) + 2

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, 2 C + 2, H, W) features and the (N, 1, H, W) logit of change."""
        apart = planes[:, self.second] - planes[:, self.first]
        length = (apart**2).mean(dim=1, keepdim=True).sqrt()
        near, wide = box_mean(length, 2), box_mean(length, 8)
        features = torch.cat([apart, box_mean(apart, 2), near, wide], dim=1)
        return features, 3 * (near - 2)


class Darkening(nn.Module):
    """Two dates normalised by `scene-quantiles`, seen through windows of 3 to 132 pixels.

    Means of both dates, their spread, the shares of dark pixels and of pixels that became darker, and the
    roughness of the speckle. Windows above 5 pixels are computed on means of 4 x 4 pixels. The prior is: dark
    now, and darker than before.
    """

    planes = 29
    limits = (-6.0, 3.0)
    """Normalised values are clipped to this range, so that no single bright target matters."""
    dark, drop = -2.2, -0.7
    """Normalised value that is dark, and change that is a darkening: half of either is ambiguous."""
    cells, radii = 4, (2, 8, 16)
    """Pixels a side of a cell, and the radii in cells of the wider windows."""
    least = 1e-4
    """Least variance, whose root has a finite slope."""

    def __init__(self, bands: Sequence[str], denormalise: Denormalise) -> None:
        """Find the scene's band and that of the scene before."""
        super().__init__()
        del denormalise
        self.where = scene_and_before(bands)

    def forward(self, planes: Tensor) -> tuple[Tensor, Tensor]:
        """Return (N, 29, H, W) features and the (N, 1, H, W) logit of flood; H and W are multiples of 4."""
        dates = planes[:, self.where].clamp(*self.limits)
        fine, near = box_mean(dates, 1), box_mean(dates, 2)
        dark = torch.sigmoid(-3 * (near - self.dark))
        drop = torch.sigmoid(-6 * (near[:, :1] - near[:, 1:] - self.drop))
        mean, rough, dark, drop = (
            functional.avg_pool2d(image, self.cells) for image in (dates, (dates - fine) ** 2, dark, drop)
        )
        wide = []
        for radius in self.radii:
            level = box_mean(mean, radius)
            spread = self._root(box_mean(mean**2, radius) - level**2)
            wide += [level, spread, box_mean(dark, radius), box_mean(drop, radius)]
        wide += [self._root(box_mean(rough, radius)) for radius in (self.radii[0], self.radii[-1])]
        whole = functional.interpolate(
            torch.cat(wide, dim=1), scale_factor=float(self.cells), mode="bilinear"
        )
        margin = torch.minimum(self.dark - near[:, :1], near[:, 1:] - near[:, :1])
        return torch.cat([fine, near, whole], dim=1), 2 * margin

    def _root(self, variance: Tensor) -> Tensor:
        return variance.clamp(min=self.least).sqrt()
