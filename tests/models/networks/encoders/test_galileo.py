"""Galileo against the outputs of its authors' code, and what the authors' code does not offer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders.build_encoder import EncoderRequest, build_encoder  # noqa: E402
from geoseg.models.networks.encoders.encoder import About  # noqa: E402
from geoseg.models.networks.encoders.galileo import Galileo, Size, resized_kernel  # noqa: E402

from geoseg.errors import UsageError  # noqa: E402
from geoseg.spec.presets import encoders  # noqa: E402

NANO = "galileo-nano"
NAMES = {
    "VV": "vv", "VH": "vh", "B2": "blue", "B3": "green", "B4": "red", "B5": "rededge071", "B6": "rededge075",
    "B7": "rededge078", "B8": "nir", "B8A": "nir08", "B11": "swir16", "B12": "swir22", "NDVI": "ndvi",
}  # fmt: skip
OPTICAL = ("blue", "green", "red", "nir", "swir16", "swir22")


def small(bands: tuple[str, ...] = OPTICAL, *, dates: int = 1, patch: int = 4) -> Galileo:
    torch.manual_seed(0)
    encoder = Galileo(bands, size=Size(32, 2, 4), patch=patch, layers=(0, 1), dates=dates)
    encoder.eval()
    return encoder


@pytest.mark.parametrize("case", ["optical", "radar-two-dates", "all-three-dates", "optical-patch1"])
def test_features_equal_those_of_the_authors(weights_dir: Path, case: str) -> None:
    folder = weights_dir / NANO
    golden = np.load(folder / "golden.npz")
    image, months = (torch.from_numpy(golden[f"{case}.{name}"]) for name in ("image", "months"))
    request = EncoderRequest(
        name=NANO,
        bands=[NAMES[band] for band in golden[f"{case}.bands"]],
        dates=image.shape[1],
        patch=int(golden[f"{case}.patch"]),
        gsd=float(golden[f"{case}.gsd_m"]),
        weights=folder / "encoder.pt",
    )
    encoder = build_encoder(request).eval()
    with torch.no_grad():
        features = encoder(image, About(months=months))[-1]
    np.testing.assert_allclose(features.numpy(), golden[f"{case}.features"], atol=1e-5)
    encoder.fix_size(*image.shape[-2:])
    with torch.no_grad():
        fixed = encoder(image, About(months=months))[-1]
    np.testing.assert_allclose(fixed.numpy(), golden[f"{case}.features"], atol=1e-5)


def test_rectangles_and_levels_have_the_grid_of_the_patches() -> None:
    levels = small()(torch.randn(2, 1, 6, 16, 24), About())
    assert [tuple(level.shape) for level in levels] == [(2, 32, 4, 6)] * 2


def test_rows_and_columns_are_different_places() -> None:
    encoder = small()
    image = torch.randn(1, 1, 6, 8, 24)
    with torch.no_grad():
        features = encoder(image, About())[-1]
        turned = encoder(image.transpose(3, 4), About())[-1]
    assert not torch.allclose(features, turned.transpose(2, 3), atol=1e-4)


def test_only_complete_groups_have_tokens() -> None:
    encoder = small(("green", "red", "nir", "swir16"))
    assert list(encoder.groups) == ["S2_NIR_10m"]
    with pytest.raises(UsageError, match="all bands of a group"):
        small(("green", "red"))


def test_ndvi_is_computed_from_the_unnormalised_bands(weights_dir: Path) -> None:
    file = weights_dir / NANO / "encoder.pt"
    bands, facts = ["blue", "green", "red", "nir"], encoders()[NANO].bands
    stored = torch.rand(1, 1, 4, 8, 8) * 4000 + 100
    red, nir = stored[:, :, 2:3], stored[:, :, 3:4]
    planes = [*stored.unbind(2), ((nir - red) / (nir + red))[:, :, 0]]
    normal = torch.stack(
        [(plane - facts[b].mean) / facts[b].std for plane, b in zip(planes, [*bands, "ndvi"], strict=True)], 2
    )
    given = build_encoder(EncoderRequest(name=NANO, bands=[*bands, "ndvi"], weights=file)).eval()
    computed = build_encoder(EncoderRequest(name=NANO, bands=bands, weights=file)).eval()
    with torch.no_grad():
        expected = given(normal, About())[-1]
        found = computed(normal[:, :, :4], About())[-1]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_the_month_and_the_order_of_the_dates_matter() -> None:
    encoder = small(dates=2)
    encoder.s_t_channel_embed.data.normal_()
    image = torch.randn(1, 2, 6, 8, 8)
    with torch.no_grad():
        may, june, none = (
            encoder(image, About(months=months))[-1]
            for months in (torch.tensor([[4, 4]]), torch.tensor([[5, 5]]), None)
        )
        swapped = encoder(image.flip(1), About())[-1]
    assert not torch.allclose(may, june, atol=1e-5)
    assert torch.equal(june, none)
    assert not torch.allclose(june, swapped, atol=1e-5)


@pytest.mark.parametrize("patch", [1, 3, 5, 8])
def test_a_resized_kernel_answers_resized_images_best(patch: int) -> None:
    """The least-squares solution of: response to a resized image = response of the stored kernel."""
    kernel = torch.randn(2, 1, 8, 8)
    units = torch.eye(64).reshape(64, 1, 8, 8)
    resized = torch.nn.functional.interpolate(units, (patch, patch), mode="bicubic", antialias=True)
    best = torch.linalg.lstsq(resized.flatten(1), kernel.flatten(1).T).solution.T
    torch.testing.assert_close(resized_kernel(kernel, patch).flatten(1), best, atol=1e-4, rtol=1e-4)
