"""Pixels are normalised on a device as on the host."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.engine.normalise import Normaliser
from geoseg.grid import Window
from geoseg.pixels import Pixels
from geoseg.spec import ClassSpec, ModelBand, ModelSpec

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

from pathlib import Path  # noqa: E402

from geoseg.engine.device.device_pixels import DevicePixels  # noqa: E402


def _model(clip: tuple[float, float] | None, scale: float) -> ModelSpec:
    return ModelSpec(
        name="three bands",
        bands=tuple(ModelBand(name=name, mean=0.1 * scale, std=0.05 * scale) for name in ("a", "b", "c")),
        units="reflectance",
        scale=scale,
        clip=None if clip is None else (clip[0] * scale, clip[1] * scale),
        fill=-1.5,
        classes=(
            ClassSpec(value=0, label="land", colour="#000000"),
            ClassSpec(value=1, label="water", colour="#0000ff"),
        ),
        weights=Path("none.onnx"),
    )


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32", "float32", "float64"])
@pytest.mark.parametrize("clip", [None, (0.0, 1.0)])
@pytest.mark.parametrize("scale", [1.0, 10000.0])
def test_normalisation(dtype: str, clip: tuple[float, float] | None, scale: float) -> None:
    random = np.random.default_rng(1)
    data = random.integers(0, 250 if dtype == "uint8" else 30000, (3, 32, 80)).astype(dtype)
    if dtype == "uint16":
        data[:, ::3] += 35000
    pixels = Pixels(
        window=Window(row=0, col=0, height=32, width=80),
        bands=("c", "a", "b"),
        data=data,
        valid=random.random((32, 80)) < 0.9,
        scale=(1e-4, 2e-4, 3e-4),
        offset=(-0.1, 0.0, 0.05),
    )
    model = _model(clip, scale)
    expected = Normaliser(model)(pixels)
    found = DevicePixels(Normaliser(model), pixels, torch.device("cpu")).tiles([0, 24, 48], 32, 4).numpy()
    assert found.shape == (4, 3, 32, 32)
    for index, left in enumerate((0, 24, 48)):
        np.testing.assert_allclose(found[index], expected[:, :, left : left + 32], rtol=1e-5, atol=1e-5)
    assert (found[3] == 0).all()


@pytest.mark.parametrize("clip", [None, (0.0, 1.0)])
def test_layers_and_bands_that_come_twice(clip: tuple[float, float] | None) -> None:
    """Layers are neither normalised nor clipped, and NaN where they are not known."""
    random = np.random.default_rng(2)
    data = random.normal(20, 30, (4, 16, 40)).astype(np.float32)
    data[3, :, ::5] = np.nan
    pixels = Pixels(
        window=Window(row=0, col=0, height=16, width=40),
        bands=("c", "b", "a", "height"),
        data=data,
        valid=random.random((16, 40)) < 0.9,
        scale=(0.01, 0.01, 0.01, 1.0),
        offset=(0.0, -0.1, 0.0, 2.0),
    )
    model = _model(clip, 1.0)
    twice = model.model_copy(update={"bands": (*model.bands, ModelBand(name="a", mean=0.5, std=2))})
    normaliser = Normaliser(twice, ("height",))
    expected = normaliser(pixels)
    (found,) = DevicePixels(normaliser, pixels, torch.device("cpu")).tiles([24], 16, 1).numpy()
    assert found.shape == (5, 16, 16)
    np.testing.assert_allclose(found, expected[:, :, 24:], rtol=1e-5, atol=1e-5)
    assert np.isnan(found[4]).any()
