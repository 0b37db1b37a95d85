"""TerraMind against terratorch's network with the same random weights (bench/encoder_oracles.py)."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.errors import UsageError
from tests.models.networks.encoders.random_weights import EVERY, GOLDEN, image, tokens, weights

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders.encoder import About  # noqa: E402
from geoseg.models.networks.encoders.terramind import MODALITIES, TerraMind  # noqa: E402

OPTICAL, RADAR = MODALITIES.values()


def build(bands: tuple[str, ...], *, gated: bool) -> TerraMind:
    encoder = TerraMind(bands, width=64, depth=2, heads=4, layers=(0, 1), gated=gated)
    shapes = {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    encoder.load_state_dict({name: torch.from_numpy(value) for name, value in weights(shapes).items()})
    encoder.eval()
    return encoder


@pytest.mark.parametrize(
    ("case", "bands", "gated", "size"),
    [
        ("plain", OPTICAL, False, (224, 224)),
        ("gated", OPTICAL, True, (48, 80)),
        ("radar", RADAR, True, (48, 80)),
    ],
)
def test_features_equal_those_of_terratorch(
    case: str, bands: tuple[str, ...], gated: bool, size: tuple[int, int]
) -> None:
    golden = np.load(GOLDEN / "terramind.npz")
    encoder = build(bands, gated=gated)
    pixels = torch.from_numpy(image(1, len(bands), *size))[:, None]
    for fix in (False, True):
        if fix:
            encoder.fix_size(*size)
        with torch.no_grad():
            levels = encoder(pixels, About())
        for index, level in enumerate(levels):
            found = tokens(level.numpy(), 1, EVERY if case == "plain" else 1)
            np.testing.assert_allclose(found, golden[f"{case}.{index}"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bands", [("red", "green", "blue"), ("nir",), ("swir22", "coastal")])
def test_bands_that_are_left_out_count_as_their_mean(bands: tuple[str, ...]) -> None:
    """In any order: the kernels of the bands are those of all twelve, and 0 is the mean."""
    pixels = torch.from_numpy(image(1, 1, len(bands), 32, 32))
    whole = torch.zeros(1, 1, len(OPTICAL), 32, 32)
    whole[:, :, [OPTICAL.index(band) for band in bands]] = pixels
    with torch.no_grad():
        some, every = build(bands, gated=True)(pixels, About()), build(OPTICAL, gated=True)(whole, About())
    for one, other in zip(some, every, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("bands", [("vv", "red"), ("red", "thermal"), ("hh",)])
def test_bands_of_two_sensors_are_refused(bands: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="bands of one kind of sensor"):
        build(bands, gated=False)
