"""Augmentation of training pixels, which varies geometry, radiometry and noise.

Geometry and smoothing come from albumentations. Changes of values are defined here, because they depend on
whether values are reflectance or backscatter.
"""

from __future__ import annotations

import os
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from geoseg.learn.samples import IGNORE
from geoseg.learn.train.training_spec import AugmentSpec
from geoseg.spec import Units

# Prevents the request for a newer version at every import.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
import albumentations

Image = NDArray[np.float32]

LEAST_LOOKS, MOST_LOOKS = 2.0, 16.0
"""Range of the equivalent number of looks of added speckle."""


class Augment:
    """Random changes of a crop; equal states of the generator give equal changes."""

    def __init__(
        self,
        spec: AugmentSpec,
        units: Units,
        bands: tuple[str, ...],
        size: int,
        fixed: Collection[str] = (),
    ) -> None:
        """Create the augmentation of a config.

        Args:
            spec: strength of each step.
            units: units of the physical values.
            bands: names; bands of other dates have a prefix.
            size: side of the returned crop in pixels.
            fixed: bands in other units, such as a coherence or a slope, whose values are not changed.
        """
        self._fixed = [index for index, band in enumerate(bands) if band in fixed]
        self._spec, self._units, self._bands = spec, units, bands
        self._dates = sorted({band.rpartition(":")[0] for band in bands})
        steps: list[albumentations.BasicTransform] = [albumentations.Resize(size, size)]
        if spec.flips:
            steps.append(albumentations.D4(p=1.0))
        if spec.blur:
            steps.append(albumentations.GaussianBlur(blur_limit=0, sigma_limit=(0.4, 1.5), p=spec.blur))
        self._geometry = albumentations.Compose(steps)

    def scale(self, rng: np.random.Generator) -> float:
        """Draw the factor of the pixel size."""
        low, high = self._spec.scale
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def __call__(
        self, pixels: Image, label: NDArray[np.uint8], rng: np.random.Generator
    ) -> tuple[Image, NDArray[np.uint8], int | None]:
        """Return a changed crop.

        Args:
            pixels: (B, h, w) physical values, NaN where not observed. Bands behind those of the augmentation
                are of a second modality: their geometry is changed alike, their values are not.
            label: (h, w) classes.
            rng: random generator.

        Returns:
            (B, size, size) pixels, (size, size) classes, and the index of the band to replace by its mean;
            None: no band.
        """
        own, beside = pixels[: len(self._bands)], pixels[len(self._bands) :]
        lost = ~np.isfinite(own).all(axis=0)
        values = self._values(np.nan_to_num(own), rng)
        masks = [label, lost.astype(np.uint8)]
        if len(beside):
            values = np.concatenate([values, np.nan_to_num(beside)])
            masks.append((~np.isfinite(beside).all(axis=0)).astype(np.uint8))
        self._geometry.set_random_seed(int(rng.integers(2**31)))
        done = self._geometry(
            image=np.ascontiguousarray(values.transpose(1, 2, 0)),
            masks=masks,
        )
        image = np.ascontiguousarray(done["image"].transpose(2, 0, 1), dtype=np.float32)
        label, hidden = np.array(done["masks"][0]), done["masks"][1] > 0
        if rng.random() < self._spec.hide:
            hidden = hidden | _rectangles(hidden.shape, rng)
        image[: len(own), hidden] = np.nan
        label[hidden] = IGNORE
        if len(beside):
            image[len(own) :, done["masks"][2] > 0] = np.nan
        band = int(rng.integers(len(self._bands))) if rng.random() < self._spec.drop_band else None
        return image, label, band

    def _values(self, pixels: Image, rng: np.random.Generator) -> Image:
        """Return values with random gain, haze, speckle and noise."""
        spec = self._spec
        count = len(self._bands)
        band_gains = rng.normal(0, spec.gain, count)
        shared = dict(zip(self._dates, rng.normal(0, spec.shared_gain, len(self._dates)), strict=True))
        change = (band_gains + [shared[band.rpartition(":")[0]] for band in self._bands])[:, None, None]
        out = pixels + change if self._units == "db" else pixels * np.exp(change)
        if spec.haze:
            weights = np.linspace(1, 0, count)[:, None, None] ** 2
            out = out + rng.uniform(-spec.haze / 4, spec.haze) * weights
        if spec.speckle and rng.random() < spec.speckle:
            looks = np.exp(rng.uniform(np.log(LEAST_LOOKS), np.log(MOST_LOOKS)))
            speckle = rng.gamma(looks, 1 / looks, pixels.shape)
            out = out + 10 * np.log10(speckle) if self._units == "db" else out * speckle
        if spec.noise:
            out = out + rng.normal(0, spec.noise * rng.random(), pixels.shape)
        out[self._fixed] = pixels[self._fixed]
        return np.asarray(out, np.float32)


def _rectangles(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return a mask (True = hidden) of one to three rectangles with sides of up to a third of the crop."""
    mask = np.zeros(shape, np.bool_)
    for _ in range(int(rng.integers(1, 4))):
        height, width = (int(rng.integers(side // 16, side // 3 + 1)) for side in shape)
        row, col = (int(rng.integers(0, side)) for side in shape)
        mask[row : row + height, col : col + width] = True
    return mask
