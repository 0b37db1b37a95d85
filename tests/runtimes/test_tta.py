"""Averaging over flips."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from geoseg.runtimes.choose import open_session
from geoseg.runtimes.tta import Flipped
from geoseg.spec import ModelSpec

MakeNetwork = Callable[..., ModelSpec]


def flip(array: np.ndarray, rows: bool, cols: bool) -> np.ndarray:
    return array[..., :: -1 if rows else 1, :: -1 if cols else 1]


def test_mean_of_four_flips(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    session = open_session(make_network(3, kernel=3), tile=32).session
    expected = np.mean(
        [
            flip(session(np.ascontiguousarray(flip(tiles, rows, cols))), rows, cols)
            for rows in (False, True)
            for cols in (False, True)
        ],
        axis=0,
    )
    np.testing.assert_allclose(Flipped(session)(tiles), expected, atol=1e-6)


def test_flipping_the_scene_flips_the_map(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    session = Flipped(open_session(make_network(2, kernel=3), tile=32).session)
    turned = session(np.ascontiguousarray(flip(tiles, True, False)))
    np.testing.assert_allclose(turned, flip(session(tiles), True, False), atol=1e-6)


def test_it_is_a_session(make_network: MakeNetwork, tiles: np.ndarray) -> None:
    inner = open_session(make_network(2), tile=32, batch=2).session
    session = Flipped(inner)
    assert (session.planes, session.batch) == (inner.planes, 2)
    assert "4 flips" in session.description
    before = tiles.copy()
    session(tiles)
    np.testing.assert_array_equal(tiles, before)
    session.close()
