"""Clay against terratorch's networks with the same random weights (bench/encoder_oracles.py)."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.networks.encoders.random_weights import GOLDEN, image, tokens, weights

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders.clay import Clay  # noqa: E402
from geoseg.models.networks.encoders.encoder import About  # noqa: E402

BANDS = (0.493, 0.56, 0.665, 0.842, 3.5)


def build(gsd: float = 10.0) -> Clay:
    encoder = Clay(BANDS, width=64, depth=2, heads=2, layers=(0, 1), gsd=gsd)
    shapes = {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    encoder.load_state_dict({name: torch.from_numpy(value) for name, value in weights(shapes).items()})
    encoder.eval()
    return encoder


@pytest.mark.parametrize("level", ["v1.0", "v1.1", "v1.5.1"])
def test_features_equal_those_of_terratorch(level: str) -> None:
    golden = np.load(GOLDEN / "clay.npz")[level]
    encoder = build()
    pixels = torch.from_numpy(image(1, 5, 64, 64))[:, None]
    with torch.no_grad():
        found = encoder(pixels, About())[int(level[-1])]
        encoder.fix_size(64, 64)
        folded = encoder(pixels, About())[int(level[-1])]
    np.testing.assert_allclose(tokens(found.numpy(), 1), golden, atol=1e-5)
    assert torch.allclose(found, folded, atol=1e-6)


def test_positions_scale_with_the_pixel_size_and_rectangles_have_their_own() -> None:
    fine, coarse = build(1.0), build(2.0)
    assert torch.allclose(fine.positions(3, 9)[2], coarse.positions(3, 9)[1], atol=1e-6)
    levels = fine(torch.zeros(2, 1, 5, 24, 40), About())
    assert [tuple(level.shape) for level in levels] == [(2, 64, 3, 5)] * 2
    assert not fine.positions(3, 5)[:, -8:].any()
