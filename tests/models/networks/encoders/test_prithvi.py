"""Prithvi against terratorch's network with the same random weights (bench/encoder_oracles.py)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.models.networks.encoders.random_weights import EVERY, GOLDEN, image, tokens, weights

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders.encoder import About  # noqa: E402
from geoseg.models.networks.encoders.prithvi import Prithvi  # noqa: E402

DAYS = torch.tensor([[[2018.0, 32.0], [2019.0, 200.0], [2020.0, 366.0]]])
PLACE = torch.tensor([[47.5, -8.25]])


def official(encoder: Prithvi) -> dict[str, Any]:
    """Random weights under the published names."""
    shapes = {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    return {name: torch.from_numpy(value) for name, value in weights(shapes).items()}


def build(dates: int = 1, *, reads_place: bool = False) -> Prithvi:
    encoder = Prithvi(
        6, width=64, depth=2, heads=4, patch=16, layers=(0, 1), dates=dates, reads_place=reads_place
    )
    encoder.load_state_dict(official(encoder))
    encoder.eval()
    return encoder


@pytest.mark.parametrize(
    ("case", "dates", "size"),
    [("square", 1, (224, 224)), ("rectangle", 1, (48, 80)), ("dates", 3, (48, 80)), ("facts", 3, (48, 80))],
)
def test_features_equal_those_of_terratorch(case: str, dates: int, size: tuple[int, int]) -> None:
    golden = np.load(GOLDEN / "prithvi.npz")
    encoder = build(dates, reads_place=case == "facts")
    pixels = torch.from_numpy(image(1, 6, dates, *size)).transpose(1, 2)
    about = About(days=DAYS, places=PLACE) if case == "facts" else About()
    for fix in (False, True):
        if fix:
            encoder.fix_size(*size)
        with torch.no_grad():
            levels = encoder(pixels, about)
        for index, level in enumerate(levels):
            found = tokens(level.numpy(), dates, EVERY if case == "square" else 1)
            np.testing.assert_allclose(found, golden[f"{case}.{index}"], atol=1e-5)


def test_dates_and_places_are_optional_and_read() -> None:
    encoder = build(3, reads_place=True)
    pixels = torch.from_numpy(image(1, 3, 6, 32, 32))
    with torch.no_grad():
        plain, placed, dated = (
            encoder(pixels, about)[-1] for about in (About(), About(places=PLACE), About(days=DAYS))
        )
    assert not torch.allclose(plain, placed)
    assert not torch.allclose(plain, dated)
    ignoring = build(3)
    with torch.no_grad():
        assert torch.equal(
            ignoring(pixels, About())[-1], ignoring(pixels, About(places=PLACE, days=DAYS))[-1]
        )


def test_levels_hold_the_features_of_all_dates() -> None:
    encoder = build(3)
    levels = encoder(torch.zeros(2, 3, 6, 32, 48), About())
    assert [tuple(level.shape) for level in levels] == [(2, 192, 2, 3)] * 2
    assert encoder.widths == (192, 192)
    assert encoder.is_plain
    assert len(encoder.stages()) == 2
