"""The sweep on devices gives the map of the sweep on the host: on torch's CPU device, one or several."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geoseg.bundles.find import find_model
from geoseg.engine.normalise import Normaliser
from geoseg.errors import ModelError, SceneReadError
from geoseg.runtimes.cuda import DeviceMemoryError
from geoseg.runtimes.network_session import NetworkSession
from geoseg.spec import ModelSpec

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

from geoseg.engine.device.device_rows import RowScorer  # noqa: E402
from geoseg.engine.device.device_sweep import DeviceSweep  # noqa: E402
from tests.engine.device.maps import Maps, Stored, alike, map_of, open_network, sweep_of  # noqa: E402


def _map(
    model: ModelSpec,
    source: Stored,
    folder: Path,
    *,
    session: NetworkSession,
    sweep: DeviceSweep | None = None,
    widest: int | None = None,
) -> Maps:
    """The map of a network alone."""
    return map_of(
        model.classes,
        source,
        folder,
        session=session,
        normaliser=Normaliser(model),
        sweep=sweep,
        threshold=model.threshold,
        widest=widest,
    )


def _sweep(
    model: ModelSpec, session: NetworkSession, devices: int = 1, batch: int | None = 2, graph: Any = None
) -> DeviceSweep:
    return sweep_of(session, Normaliser(model), devices=devices, batch=batch, graph=graph)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *(("water-optical", dtype) for dtype in ("uint16", "int16", "float32", "float64", "uint32")),
        *(("flood-sar", dtype) for dtype in ("float32", "float64")),
    ],
)
def test_the_map_is_that_of_the_host(name: str, dtype: str, tmp_path: Path) -> None:
    model = find_model(name)
    source = Stored(model, 150, 200, dtype)
    session = open_network(model)
    expected = _map(model, source, tmp_path, session=session)
    assert len(np.unique(expected[0])) == 3, "land, water and nodata are there"
    alike(_map(model, source, tmp_path, session=session, sweep=_sweep(model, session)), expected)


@pytest.mark.parametrize("devices", [2, 3])
def test_several_devices_give_the_map_of_one(devices: int, tmp_path: Path) -> None:
    model = find_model("water-optical")
    source = Stored(model, 330, 150)
    session = open_network(model)
    one = _map(model, source, tmp_path, session=session, sweep=_sweep(model, session))
    several = _map(model, source, tmp_path, session=session, sweep=_sweep(model, session, devices))
    assert np.array_equal(one[0], several[0])
    assert np.array_equal(one[1], several[1])


@pytest.mark.parametrize("batch", [1, 3, 64, None])
def test_the_batch_does_not_change_the_map(batch: int | None, tmp_path: Path) -> None:
    model = find_model("flood-sar")
    source = Stored(model, 100, 180, "float32")
    session = open_network(model)
    sweep = _sweep(model, session, batch=batch)
    expected = _map(model, source, tmp_path, session=session)
    alike(_map(model, source, tmp_path, session=session, sweep=sweep), expected)
    assert sweep.batches == ((batch,) if batch else sweep.batches)
    assert sweep.batches[0] >= 1


def test_column_bands_give_the_same_bits(tmp_path: Path) -> None:
    model = find_model("water-optical")
    source = Stored(model, 120, 260)
    session = open_network(model)
    sweep = _sweep(model, session)
    whole = _map(model, source, tmp_path, session=session, sweep=sweep)
    bands = _map(model, source, tmp_path, session=session, sweep=sweep, widest=2)
    assert np.array_equal(whole[0], bands[0])
    assert np.array_equal(whole[1], bands[1])


class Small:
    """A device with little memory: more tiles than `holds` at once raise torch's own error."""

    def __init__(self, graph: Any, holds: int) -> None:
        self._graph, self.holds = graph, holds
        self.ports, self.batches, self.device = graph.ports, graph.batches, graph.device
        self.description = graph.description
        self.asked: list[int] = []

    def on_device(self, batch: Any) -> Any:
        self.asked.append(len(batch))
        if len(batch) > self.holds:
            raise torch.OutOfMemoryError(f"{len(batch)} tiles")
        return self._graph.on_device(batch)


def test_out_of_memory_halves_the_batch_and_goes_on(tmp_path: Path) -> None:
    model = find_model("water-optical")
    source = Stored(model, 150, 400)
    session = open_network(model)
    small = Small(session.device_graph, 8)
    sweep = _sweep(model, session, batch=8, graph=small)
    expected = _map(model, source, tmp_path, session=session)
    alike(_map(model, source, tmp_path, session=session, sweep=sweep), expected)
    small.holds = 3
    alike(_map(model, source, tmp_path, session=session, sweep=sweep), expected)
    assert sweep.batches == (2,)
    small.holds = 0
    with pytest.raises(DeviceMemoryError, match="--tile"):
        _map(model, source, tmp_path, session=session, sweep=sweep)


def test_no_tile_is_added_twice_where_memory_runs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the weights of a batch's second tile find no room."""
    model = find_model("water-optical")
    source = Stored(model, 150, 200)
    session = open_network(model)
    expected = _map(model, source, tmp_path, session=session)
    plain = RowScorer._weight
    made: list[Any] = []

    def once(self: RowScorer, tile: Any) -> Any:
        made.append(tile)
        if len(made) == 2:
            raise torch.OutOfMemoryError("no room for weights")
        return plain(self, tile)

    monkeypatch.setattr(RowScorer, "_weight", once)
    alike(_map(model, source, tmp_path, session=session, sweep=_sweep(model, session, batch=4)), expected)
    assert len(made) > 2


def test_the_batch_is_doubled_until_memory_stops(tmp_path: Path) -> None:
    model = find_model("flood-sar")
    session = open_network(model)
    small = Small(session.device_graph, 1)
    source = Stored(model, 64, 64, "float32")
    sweep = _sweep(model, session, batch=None, graph=small)
    _map(model, source, tmp_path, session=session, sweep=sweep)
    assert sweep.batches == (1,)
    assert max(small.asked) == 2


def test_what_is_no_number_is_told(tmp_path: Path) -> None:
    model = find_model("flood-sar")
    source = Stored(model, 64, 64, "float32")
    source.data[:, 5, 5] = np.nan
    session = open_network(model)
    with pytest.raises(ModelError, match="returns NaN"):
        _map(model, source, tmp_path, session=session, sweep=_sweep(model, session))


def test_a_damaged_row_is_told_and_nothing_hangs(tmp_path: Path) -> None:
    model = find_model("water-optical")
    source = Stored(model, 200, 100, broken=True)
    session = open_network(model)
    with pytest.raises(SceneReadError, match="row is damaged"):
        _map(model, source, tmp_path, session=session, sweep=_sweep(model, session, 2))


def test_a_missing_band_is_named(tmp_path: Path) -> None:
    model = find_model("water-optical")
    source = Stored(model, 64, 64)
    session = open_network(model)
    other = model.model_copy(
        update={"bands": (*model.bands[:-1], model.bands[-1].model_copy(update={"name": "cirrus"}))}
    )
    with pytest.raises(ModelError, match="needs band cirrus"):
        _map(model, source, tmp_path, session=session, sweep=_sweep(other, session))


def test_several_classes(make_classes: Callable[[], ModelSpec], tmp_path: Path) -> None:
    model = make_classes()
    source = Stored(model, 100, 130)
    session = open_network(model)
    expected = _map(model, source, tmp_path, session=session)
    assert len(np.unique(expected[0])) == 4
    alike(_map(model, source, tmp_path, session=session, sweep=_sweep(model, session)), expected)
