"""DOFA against torchgeo's network with the same random weights (bench/encoder_oracles.py)."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.networks.encoders.random_weights import EVERY, GOLDEN, image, tokens, weights

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders.dofa import Dofa  # noqa: E402
from geoseg.models.networks.encoders.encoder import About  # noqa: E402

BANDS = {"optical": (0.665, 0.56, 0.49, 0.842, 1.61), "radar": (5.405, 5.405)}


def build(case: str) -> Dofa:
    encoder = Dofa(BANDS[case], width=64, depth=2, heads=4, layers=(0, 1))
    shapes = {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    encoder.load_state_dict({name: torch.from_numpy(value) for name, value in weights(shapes).items()})
    encoder.eval()
    return encoder


@pytest.mark.parametrize("case", BANDS)
def test_features_equal_those_of_torchgeo(case: str) -> None:
    golden = np.load(GOLDEN / "dofa.npz")
    encoder = build(case)
    pixels = torch.from_numpy(image(1, len(BANDS[case]), 224, 224))[:, None]
    with torch.no_grad():
        levels = encoder(pixels, About())
        encoder.fix_size(224, 224)
        fixed = encoder(pixels, About())
    for index, (level, folded) in enumerate(zip(levels, fixed, strict=True)):
        np.testing.assert_allclose(tokens(level.numpy(), 1, EVERY), golden[f"{case}.{index}"], atol=1e-5)
        assert torch.equal(level, folded)


def test_other_sizes_interpolate_the_table_of_positions() -> None:
    encoder = build("optical")
    table = encoder.positions(7, 21)
    assert table.shape == (1, 7 * 21, 64)
    with torch.no_grad():
        encoder.pos_embed[:, 1:] = torch.arange(14.0).repeat(14)[None, :, None]  # the column
    rising = encoder.positions(14, 28)[0, :, 0].reshape(14, 28)
    assert (rising.diff(dim=1)[:, 2:-2] > 0).all()
    assert torch.allclose(rising[0], rising[5])
    assert [tuple(level.shape) for level in encoder(torch.zeros(1, 1, 5, 48, 80), About())] == [
        (1, 64, 3, 5)
    ] * 2


def test_kernels_depend_on_the_wavelengths_and_are_learned() -> None:
    encoder = build("radar")
    kernels, _ = encoder.patch_embed.kernels()
    assert torch.allclose(kernels[:, 0], kernels[:, 1])
    optical, _ = build("optical").patch_embed.kernels()
    assert not torch.allclose(optical[:, 0], optical[:, 1])
    optical.sum().backward()
