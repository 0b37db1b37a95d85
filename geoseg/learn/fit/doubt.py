"""Where a fitted network is unsure: the doubt of tiles of the scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.engine.date_metadata import scene_facts, with_planes
from geoseg.engine.normalise import Normaliser
from geoseg.grid import Window, sample_windows
from geoseg.learn.fit.scene_pixels import LabelledScene
from geoseg.run_record import Progress
from geoseg.runtimes import Session
from geoseg.runtimes.choose import open_session
from geoseg.scenes import Scene
from geoseg.scenes.threshold_sample import SAMPLE_CACHE
from geoseg.spec import ModelSpec
from geoseg.tile_grid import TileGrid

MOST_PIXELS = 6 * 2**20
"""Pixels of all scenes that are mapped; of larger scenes evenly spread tiles."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DoubtTile:
    """The doubt of a network in a tile of a scene."""

    scene: int
    window: Window
    doubt: NDArray[np.float32]
    """(H, W) 1 less the difference of the two best scores; NaN where not observed."""
    mapped: NDArray[np.intp]
    """(H, W) position of the best class."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Mapper:
    """A network that is open for tiles."""

    model: ModelSpec
    session: Session
    prepare: Normaliser

    def tile(self, scene: Scene, index: int, core: Window) -> DoubtTile:
        """Return the doubt in a window of a scene, from one tile of the network."""
        margin = TileGrid(grid=scene.grid, size=self.model.tile, overlap=self.model.overlap).margin
        halo = Window(
            row=core.row - margin, col=core.col - margin, height=self.model.tile, width=self.model.tile
        )
        pixels = scene.read(halo, [band.name for band in self.model.bands])
        facts = scene_facts(self.model, scene)
        planes = self.session(with_planes(self.prepare(pixels)[None], facts, np))[0]
        if len(planes) == 1:
            planes = np.concatenate([1 - planes, planes])
        ordered = np.sort(planes, axis=0)
        doubt = 1 - (ordered[-1] - ordered[-2])
        rows, cols = core.slices(halo)
        return DoubtTile(
            scene=index,
            window=core,
            doubt=np.where(pixels.valid, doubt, np.nan).astype(np.float32)[rows, cols],
            mapped=planes.argmax(axis=0)[rows, cols],
        )


def doubt_tiles(model: ModelSpec, scenes: Sequence[LabelledScene], progress: Progress) -> list[DoubtTile]:
    """Map tiles of every scene with a network: all of a small scene, evenly spread ones of a large scene.

    Raises:
        ModelError: the network cannot be loaded.
        SceneReadError: a file is damaged.
    """
    session = open_session(model, device="cpu", precision="fp32", tile=model.tile).session
    mapper = _Mapper(model=model, session=session, prepare=Normaliser(model))
    step = model.tile - model.overlap
    most = max(1, MOST_PIXELS // (step * step * len(scenes)))
    found: list[DoubtTile] = []
    try:
        for index, item in enumerate(scenes):
            with rasterio.Env(GDAL_CACHEMAX=SAMPLE_CACHE):
                cores = sample_windows(item.scene.grid, size=step, most=most)
                found += [mapper.tile(item.scene, index, core) for core in cores]
            progress(index + 1, len(scenes), "scenes searched for uncertain places")
    finally:
        session.close()
    return found
