"""The sweep on devices gives the map of the sweep on the host: on torch's CPU device, one or several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.catalog.bundles import find_model
from geoseg.errors import ModelError, SceneReadError
from geoseg.grid import Grid, TileGrid, Window
from geoseg.mosaic import Highest
from geoseg.normalise import Normaliser
from geoseg.pixels import Pixels, Strip
from geoseg.preview import Preview
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.cuda import DeviceMemoryError
from geoseg.runtimes.network import NetworkSession
from geoseg.scoring import Job, score
from geoseg.spec import ModelSpec
from tests.test_scoring import Silent

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

from geoseg.device.rows import RowScorer  # noqa: E402
from geoseg.device.sweep import DeviceSweep  # noqa: E402

Maps = tuple[NDArray[np.uint8], NDArray[np.uint8]]


class Stored:
    """A scene of stored numbers in memory, with a hole and a wide empty part."""

    name = "stored"

    def __init__(
        self, model: ModelSpec, height: int, width: int, dtype: str = "uint16", broken: bool = False
    ) -> None:
        self.band_names = tuple(band.name for band in model.bands)
        self.grid = Grid(crs=None, transform=Affine.identity(), height=height, width=width)
        random = np.random.default_rng(height)
        coarse = random.normal(size=(len(self.band_names), -(-height // 24), -(-width // 24)))
        smooth = coarse.repeat(24, axis=1).repeat(24, axis=2)[:, :height, :width]
        values = smooth + random.normal(0, 0.2, smooth.shape)
        physical = [
            (plane * band.std + band.mean) / model.scale
            for plane, band in zip(values, model.bands, strict=True)
        ]
        integer = np.issubdtype(np.dtype(dtype), np.integer)
        self.scale, self.offset = (0.0001, -0.1) if integer else (1.0, 0.0)
        stored = (np.stack(physical) - self.offset) / self.scale
        self.data = np.clip(stored, 0, 60000).astype(dtype) if integer else stored.astype(dtype)
        self.valid = np.ones((height, width), np.bool_)
        self.valid[30:50, 20:60] = False
        self.valid[:, -width // 3 :] = False
        self._broken = broken

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        inside = window.intersect(self.grid.window)
        if self._broken and inside.row <= 100 < inside.stop_row:
            raise SceneReadError("stored: row is damaged")
        data = np.zeros((len(bands), window.height, window.width), self.data.dtype)
        valid = np.zeros((window.height, window.width), np.bool_)
        if not inside.empty:
            rows, cols = inside.slices(window)
            order = [self.band_names.index(name) for name in bands]
            at = inside.slices(self.grid.window)
            data[:, rows, cols] = self.data[order][:, at[0], at[1]]
            valid[rows, cols] = self.valid[at]
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=data,
            valid=valid,
            scale=(self.scale,) * len(bands),
            offset=(self.offset,) * len(bands),
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:
        return 0

    def describe(self) -> dict[str, JsonValue]:
        return {}


def _session(model: ModelSpec, tile: int) -> NetworkSession:
    opened = open_session(model, runtime="torch", device="cpu", precision="fp32", tile=tile, threads=1)
    assert isinstance(opened.session, NetworkSession)
    return opened.session


def _map(
    model: ModelSpec,
    source: Stored,
    folder: Path,
    *,
    session: NetworkSession,
    sweep: DeviceSweep | None = None,
    tile: int = 64,
    widest: int | None = None,
) -> Maps:
    tiles = TileGrid(grid=source.grid, size=tile, overlap=16)
    step = widest or tiles.cols
    values = tuple(item.value for item in model.classes)
    job = Job(
        source=source,
        bands=source.band_names,
        session=session,
        prepare=Normaliser(model),
        tiles=tiles,
        blend="linear",
        decide=Highest(values=values, threshold=model.threshold),
        column_bands=tuple(range(c, min(c + step, tiles.cols)) for c in range(0, tiles.cols, step)),
        scratch=folder,
        sweep=sweep,
    )
    strips: list[Strip] = []
    score(job, strips.append, Preview(source.grid, source.band_names, longest=40), Silent())
    return (
        np.concatenate([strip.classes for strip in strips]),
        np.concatenate([strip.scores for strip in strips]),
    )


def _sweep(
    model: ModelSpec, session: NetworkSession, devices: int = 1, batch: int | None = 2, graph: Any = None
) -> DeviceSweep:
    chosen: Any = graph or session.device_graph
    return DeviceSweep((chosen,) * devices, model, session.activation, batch=batch)


def _alike(found: Maps, expected: Maps) -> None:
    """Classes equal, scores within one 255th."""
    assert np.array_equal(found[0], expected[0])
    assert np.abs(found[1].astype(int) - expected[1]).max() <= 1


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
    session = _session(model, 64)
    expected = _map(model, source, tmp_path, session=session)
    assert len(np.unique(expected[0])) == 3, "land, water and nodata are there"
    _alike(_map(model, source, tmp_path, session=session, sweep=_sweep(model, session)), expected)


@pytest.mark.parametrize("devices", [2, 3])
def test_several_devices_give_the_map_of_one(devices: int, tmp_path: Path) -> None:
    model = find_model("water-optical")
    source = Stored(model, 330, 150)
    session = _session(model, 64)
    one = _map(model, source, tmp_path, session=session, sweep=_sweep(model, session))
    several = _map(model, source, tmp_path, session=session, sweep=_sweep(model, session, devices))
    assert np.array_equal(one[0], several[0])
    assert np.array_equal(one[1], several[1])


@pytest.mark.parametrize("batch", [1, 3, 64, None])
def test_the_batch_does_not_change_the_map(batch: int | None, tmp_path: Path) -> None:
    model = find_model("flood-sar")
    source = Stored(model, 100, 180, "float32")
    session = _session(model, 64)
    sweep = _sweep(model, session, batch=batch)
    expected = _map(model, source, tmp_path, session=session)
    _alike(_map(model, source, tmp_path, session=session, sweep=sweep), expected)
    assert sweep.batches == ((batch,) if batch else sweep.batches)
    assert sweep.batches[0] >= 1


def test_column_bands_give_the_same_bits(tmp_path: Path) -> None:
    model = find_model("water-optical")
    source = Stored(model, 120, 260)
    session = _session(model, 64)
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
    session = _session(model, 64)
    small = Small(session.device_graph, 8)
    sweep = _sweep(model, session, batch=8, graph=small)
    expected = _map(model, source, tmp_path, session=session)
    _alike(_map(model, source, tmp_path, session=session, sweep=sweep), expected)
    small.holds = 3
    _alike(_map(model, source, tmp_path, session=session, sweep=sweep), expected)
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
    session = _session(model, 64)
    expected = _map(model, source, tmp_path, session=session)
    plain = RowScorer._weight
    made: list[Any] = []

    def once(self: RowScorer, tile: Any) -> Any:
        made.append(tile)
        if len(made) == 2:
            raise torch.OutOfMemoryError("no room for weights")
        return plain(self, tile)

    monkeypatch.setattr(RowScorer, "_weight", once)
    _alike(_map(model, source, tmp_path, session=session, sweep=_sweep(model, session, batch=4)), expected)
    assert len(made) > 2


def test_the_batch_is_doubled_until_memory_stops(tmp_path: Path) -> None:
    model = find_model("flood-sar")
    session = _session(model, 64)
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
    session = _session(model, 64)
    with pytest.raises(ModelError, match="gives NaN"):
        _map(model, source, tmp_path, session=session, sweep=_sweep(model, session))


def test_a_damaged_row_is_told_and_nothing_hangs(tmp_path: Path) -> None:
    model = find_model("water-optical")
    source = Stored(model, 200, 100, broken=True)
    session = _session(model, 64)
    with pytest.raises(SceneReadError, match="row is damaged"):
        _map(model, source, tmp_path, session=session, sweep=_sweep(model, session, 2))


def test_a_missing_band_is_named(tmp_path: Path) -> None:
    model = find_model("water-optical")
    source = Stored(model, 64, 64)
    session = _session(model, 64)
    other = model.model_copy(
        update={"bands": (*model.bands[:-1], model.bands[-1].model_copy(update={"name": "cirrus"}))}
    )
    with pytest.raises(ModelError, match="needs band cirrus"):
        _map(model, source, tmp_path, session=session, sweep=_sweep(other, session))


def test_several_classes(make_classes: Callable[[], ModelSpec], tmp_path: Path) -> None:
    model = make_classes()
    source = Stored(model, 100, 130)
    session = _session(model, 64)
    expected = _map(model, source, tmp_path, session=session)
    assert len(np.unique(expected[0])) == 4
    _alike(_map(model, source, tmp_path, session=session, sweep=_sweep(model, session)), expected)
