"""Sessions around a session: one arithmetic for the host's arrays and a device's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from geoseg.runtimes import Session
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.session_wrapper import SessionWrapper, network_of, score_by
from geoseg.runtimes.tta import Flipped
from geoseg.spec import ModelSpec
from geoseg.tasks.change.change_network import BothDates
from geoseg.tasks.flood.choice import HAND, PERMANENT, SLOPE
from geoseg.tasks.flood.flood_network import WaterWithLayers
from tests.sessions import Opaque
from tests.tasks.flood.network_bundles import LIMITS, known

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

Image = NDArray[np.float32]


class Slanted:
    """Scores that depend on where a pixel is in its tile, so that a flip that is not undone shows."""

    batch, description = 3, "slanted"

    def __init__(self, planes: int) -> None:
        self.planes = planes
        self.closed = False

    def __call__(self, batch: Any) -> Any:
        """The same operations on arrays of numpy and of torch."""
        ramp = np.linspace(0.1, 1, batch.shape[2] * batch.shape[3], dtype=np.float32)
        slope: Any = ramp.reshape(batch.shape[2:])
        if not isinstance(batch, np.ndarray):
            slope = torch.from_numpy(slope)
        steps = [batch[:, :1] * slope * (0.5**plane) for plane in range(self.planes)]
        return np.concatenate(steps, 1) if isinstance(batch, np.ndarray) else torch.cat(steps, 1)

    def close(self) -> None:
        self.closed = True


LAYERS = st.sampled_from([(), (PERMANENT,), (HAND,), (HAND, SLOPE), (PERMANENT, HAND, SLOPE)])


@st.composite
def cases(draw: st.DrawFn) -> tuple[Session, Image]:
    """A session around a network, and tiles for it; layers have values at their limits and unknown ones."""
    seed, count, channels = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    planes = draw(st.integers(1, 2))
    random = np.random.default_rng(seed)
    session: Session = Slanted(planes)
    tiles = random.random((count, channels, 4, 6), np.float32)
    if draw(st.booleans()):
        session = Flipped(session)
    if draw(st.booleans()):
        names = draw(LAYERS)
        values = np.array([0, 5, 5.5, 10, 15, 15.5, np.nan], np.float32)
        layers = random.choice(values, (count, len(names), 4, 6))
        return WaterWithLayers(session, channels, known(*names), LIMITS), np.concatenate((tiles, layers), 1)
    return BothDates(session, channels, 2), np.concatenate((tiles, tiles[:, :, ::-1]), 1)


@given(cases())
def test_the_host_and_torch_agree(case: tuple[Session, Image]) -> None:
    session, tiles = case
    before = tiles.copy()
    expected = session(tiles)
    inner = session
    while isinstance(inner, SessionWrapper):
        inner = inner.session
    found = score_by(session, inner, torch.from_numpy(tiles), torch)
    np.testing.assert_array_equal(tiles, before)
    assert expected.shape == (len(tiles), session.planes, *tiles.shape[2:])
    assert expected.dtype == np.float32
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found.numpy(), expected)


def test_they_pass_on_what_they_stand_around() -> None:
    inner = Slanted(1)
    session = WaterWithLayers(Flipped(inner), 2, known(PERMANENT), LIMITS)
    assert (session.planes, session.batch) == (3, 3)
    assert session.description == "slanted, averaged over 4 flips"
    session.close()
    assert inner.closed


def test_the_network_is_found_or_nothing(make_network: Callable[..., ModelSpec]) -> None:
    network = open_session(make_network(2), tile=32).session
    assert network_of(network) is network
    assert network_of(BothDates(Flipped(network), 3, 2)) is network
    assert network_of(Slanted(1)) is None
    assert network_of(Flipped(Opaque(network))) is None, "what a session between them does is not known"
