"""Measure geoseg's sweep from strips in host memory to classes in host memory.

Requires geoseg with its dependencies, and torch. `measure.py` calls this module where they are installed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from affine import Affine
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.bundles.find import find_model
from geoseg.engine.device.device_session import DeviceSession
from geoseg.engine.device.device_sweep import DeviceSweep
from geoseg.engine.normalise import Normaliser
from geoseg.engine.preview import Preview
from geoseg.engine.recipe import Recipe
from geoseg.engine.scoring import Job
from geoseg.grid import Grid, Window
from geoseg.pixels import Pixels
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.network_session import NetworkSession
from geoseg.spec import ModelSpec
from geoseg.tile_grid import TileGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """The speed of a map made by a network."""

    how: str
    gigapixels_a_minute: float
    of_network: float
    """Tiles per second of the map, as a share of those of the network alone in the same batch."""


class Strips:
    """A scene of uint16 in memory with repeating rows, whose reading takes no longer than a copy."""

    name = "strips"

    def __init__(self, bands: tuple[str, ...], height: int, width: int, tile: int) -> None:
        self.band_names = bands
        self.grid = Grid(crs=None, transform=Affine.identity(), height=height, width=width)
        # Wider than the scene by a tile at each end, because windows at its edges exceed it.
        self._side = tile
        shape = (len(bands), tile, width + 2 * tile)
        self._data = np.random.default_rng(3).integers(1, 10000, shape, np.uint16)

    def read(self, window: Window, bands: Sequence[str]) -> Pixels:
        """Return a window of the repeating rows; all pixels inside the scene are valid."""
        data = self._data[:, : window.height, window.col + self._side : window.stop_col + self._side]
        valid: NDArray[np.bool_] = np.zeros((window.height, window.width), np.bool_)
        valid[window.intersect(self.grid.window).slices(window)] = True
        count = len(bands)
        return Pixels(
            window=window,
            bands=tuple(bands),
            data=data,
            valid=valid,
            scale=(0.0001,) * count,
            offset=(0.0,) * count,
        )

    def cache_bytes(self, bands: Sequence[str]) -> int:  # noqa: ARG002 - signature of all sources
        """Return 0, because nothing is decoded."""
        return 0

    def describe(self) -> dict[str, JsonValue]:
        """Return an empty description."""
        return {}


@contextmanager
def opened(name: str, runtime: str, device: str, tile: int) -> Iterator[tuple[NetworkSession, Any]]:
    """Open a shipped bundle on a device, in half precision on a GPU, with its graph on the device."""
    opened_session = open_session(
        find_model(name),
        runtime=runtime,
        device=device,
        precision="fp32" if device == "cpu" else "fp16",
        tile=tile,
    )
    session = opened_session.session
    assert isinstance(session, NetworkSession)
    try:
        yield session, session.device_graph
    finally:
        session.close()


def measure(
    name: str,
    runtime: str,
    device: str,
    *,
    tile: int,
    seconds: float,
    scratch: Path,
    watch: AbstractContextManager[object],
) -> Swept:
    """Measure a map of a shipped bundle, after a small map that determines the batch.

    Args:
        name: name of the bundle.
        runtime: `onnxruntime` or `tensorrt`.
        device: `cpu` or `cuda:N`.
        tile: side of a tile in pixels.
        seconds: approximate least duration of the map.
        scratch: folder for temporary files.
        watch: context manager that is active while the measured map is made.
    """
    model = find_model(name)
    bands = tuple(band.name for band in model.bands)
    with opened(name, runtime, device, tile) as (session, graph):
        on_device = DeviceSession(normaliser=Normaliser(model), session=session, network=session)
        cols, rows, batch, taken = 8 if device == "cpu" else 48, 2, None, 0.0
        for watched in (nullcontext(), watch):
            sweep = DeviceSweep((graph,), on_device, batch=batch)
            height, width = (count * (tile - tile // 8) for count in (rows, cols))
            source = Strips(bands, height, width, tile)
            tiles = TileGrid(grid=source.grid, size=tile, overlap=tile // 8)
            job = _job(model, source, tiles, session, scratch)
            begun = time.perf_counter()
            with watched:
                finished = sweep(job, range(tiles.cols), Preview(source.grid, bands))
                done = sum(len(classes) for _, classes, _ in finished)
            taken = time.perf_counter() - begun
            assert done == height
            # The first map also determined the batch, so the second is a little shorter than `seconds`.
            (batch,) = sweep.batches
            rows = max(rows, min(4096, int(rows * seconds / taken) + 1))
        pixels, rate = height * width / taken, tiles.rows * tiles.cols / taken
        alone = _alone(graph, (batch, len(bands), tile, tile), seconds)
    return Swept(
        how=f"geoseg's sweep, {session.description}, batch {batch}",
        gigapixels_a_minute=pixels * 60 / 1e9,
        of_network=rate / alone,
    )


def _job(model: ModelSpec, source: Strips, tiles: TileGrid, session: NetworkSession, scratch: Path) -> Job:
    recipe = Recipe(
        task="bench",
        layer="bench",
        classes=model.classes,
        source=source,
        bands=source.band_names,
        session=session,
        prepare=Normaliser(model),
        blend="linear",
        tile=tiles.size,
        overlap=tiles.overlap,
        threshold=model.threshold,
    )
    return Job(recipe=recipe, tiles=tiles, column_bands=(range(tiles.cols),), scratch=scratch)


def _alone(graph: Any, shape: tuple[int, int, int, int], seconds: float) -> float:
    """Return tiles per second of a network with tiles in device memory."""
    device = torch.device(graph.device)
    finish = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
    batch = torch.randn(shape, device=device)
    for _ in range(6):
        graph.on_device(batch)
    finish()
    begun, calls = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        for _ in range(4):
            graph.on_device(batch)
        finish()
        calls += 4
    return shape[0] * calls / (time.perf_counter() - begun)
