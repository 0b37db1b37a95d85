"""Maps of stored numbers, made by a session on the host and by its sweep on torch's CPU device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.engine.blend import Decide
from geoseg.engine.normalise import Normaliser
from geoseg.engine.preview import Preview
from geoseg.engine.recipe import Recipe
from geoseg.engine.scoring import Job, score
from geoseg.errors import SceneReadError
from geoseg.grid import Grid, Window
from geoseg.pixels import Classes, Pixels, Strip
from geoseg.runtimes import Session
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.graph import DeviceGraph
from geoseg.runtimes.network_session import NetworkSession
from geoseg.runtimes.session_wrapper import network_of
from geoseg.spec import ClassSpec, InputSpec, ModelSpec
from geoseg.tile_grid import TileGrid

pytest.importorskip("torch", reason="the extra `torch` is not installed")

from geoseg.engine.device.device_session import DeviceSession
from geoseg.engine.device.device_sweep import DeviceSweep
from geoseg.run_record import no_progress

Maps = tuple[Classes, NDArray[np.uint8]]


class Stored:
    """A scene of stored numbers in memory, with a hole and a wide empty part."""

    name = "stored"

    def __init__(
        self,
        model: InputSpec,
        height: int,
        width: int,
        dtype: str = "uint16",
        broken: bool = False,
        layers: Mapping[str, NDArray[np.float32]] = MappingProxyType({}),
    ) -> None:
        """Make a scene of a model's bands; layers (H, W) go with floats only, as in a `Stack`."""
        self.band_names = (*(band.name for band in model.bands), *layers)
        self.grid = Grid(crs=None, transform=Affine.identity(), height=height, width=width)
        random = np.random.default_rng(height)
        coarse = random.normal(size=(len(model.bands), -(-height // 24), -(-width // 24)))
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
        if layers:
            self.data = np.concatenate((self.data, np.stack(list(layers.values()))))
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


def open_network(model: ModelSpec, tile: int = 64) -> NetworkSession:
    opened = open_session(model, runtime="onnxruntime", device="cpu", precision="fp32", tile=tile, threads=1)
    assert isinstance(opened.session, NetworkSession)
    return opened.session


class Reusing:
    """A graph that writes all its answers to one place, as a CUDA graph does."""

    def __init__(self, graph: DeviceGraph) -> None:
        self._graph = graph
        self._out: dict[tuple[int, ...], Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._graph, name)

    def on_device(self, batch: Any) -> Any:
        found = self._graph.on_device(batch)
        return self._out.setdefault(tuple(found.shape), found).copy_(found)


class Unasked:
    """Stands for a session whose scores are made on a device."""

    batch, description = 1, "unasked"

    def __init__(self, planes: int) -> None:
        self.planes = planes

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        raise AssertionError("a tile came to the host")

    def close(self) -> None:
        """Nothing is held."""


def map_of(
    classes: Sequence[ClassSpec],
    source: Stored,
    folder: Path,
    *,
    session: Session,
    normaliser: Normaliser,
    sweep: DeviceSweep | None = None,
    decide: Decide | None = None,
    threshold: float = 0.5,
    widest: int | None = None,
) -> Maps:
    """Score a scene in tiles of 64, on the host or by a sweep: classes and 255ths."""
    tiles = TileGrid(grid=source.grid, size=64, overlap=16)
    step = widest or tiles.cols
    recipe = Recipe(
        task="test",
        layer="test",
        classes=tuple(classes),
        source=source,
        bands=source.band_names,
        session=session if sweep is None else Unasked(session.planes),
        prepare=normaliser,
        blend="linear",
        tile=64,
        overlap=16,
        threshold=threshold,
        decide=decide,
    )
    job = Job(
        recipe=recipe,
        tiles=tiles,
        column_bands=tuple(range(c, min(c + step, tiles.cols)) for c in range(0, tiles.cols, step)),
        scratch=folder,
        sweep=sweep,
    )
    strips: list[Strip] = []
    score(job, strips.append, Preview(source.grid, source.band_names, longest=40), no_progress)
    return (
        np.concatenate([strip.classes for strip in strips]),
        np.concatenate([strip.scores for strip in strips]),
    )


def sweep_of(
    session: Session, normaliser: Normaliser, *, devices: int = 1, batch: int | None = 2, graph: Any = None
) -> DeviceSweep:
    """The sweep of a session on one or several CPU devices; `graph` in the place of its network's own."""
    network = network_of(session)
    assert network is not None
    own = network.device_graph
    assert own is not None
    graphs: Any = tuple(graph or Reusing(own) for _ in range(devices))
    on_device = DeviceSession(normaliser=normaliser, session=session, network=network)
    return DeviceSweep(graphs, on_device, batch=batch)


def alike(found: Maps, expected: Maps) -> None:
    """Classes equal, scores within one 255th."""
    assert np.array_equal(found[0], expected[0])
    assert np.abs(found[1].astype(int) - expected[1]).max() <= 1
