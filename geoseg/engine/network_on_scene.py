"""A network fitted to a scene: what every task that maps with one shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.engine.blend import Decide, Highest
from geoseg.engine.normalise import Normaliser, check_fit, fit_to_scene
from geoseg.engine.recipe import NetworkRecipe
from geoseg.grid import Window
from geoseg.pixels import Pixels, class_dtype, nodata_class
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.tta import Flipped
from geoseg.scenes import Scene, Source
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import ModelSpec, RunSpec

FIT_SIZE, FITS = 256, 24
"""Blocks of 256² pixels on which the value range is compared with the model's: 1.6 Mpx."""

CHECK_TILES = 4
"""Tiles of the scene on which a lower precision is compared with fp32."""


def clip(scene: Scene, run: RunSpec) -> Scene:
    """Apply `--bbox` and `--aoi`."""
    if run.bbox is None and run.aoi is None:
        return scene
    return scene.clip(bbox=run.bbox, bbox_crs=run.bbox_crs, aoi=run.aoi)


def network_recipe(model: ModelSpec, scene: Scene, source: Source, run: RunSpec) -> NetworkRecipe:
    """Fit a network to a scene: units and value range checked, runtime and precision chosen.

    Args:
        model: what the network needs.
        scene: whose units, sensor and time count.
        source: what is read: the scene, or a stack on its grid.
        run: options.
    """
    bands = tuple(band.name for band in model.bands)
    normaliser, blocks = fit_network(model, scene, source)
    tile, overlap = _tiling(model, source, run)
    opened = open_session(
        model,
        runtime=run.runtime,
        device=run.device,
        precision=run.precision,
        threads=run.threads,
        batch=run.batch_size,
        tile=tile,
        check=_check_tiles(source, bands, normaliser, blocks, tile),
    )
    session = Flipped(opened.session) if run.tta else opened.session
    return NetworkRecipe(
        task="segment",
        layer="segments",
        classes=tuple(entry for entry in model.classes if entry.value != model.nodata),
        background=model.background,
        decide=decided_by(model, model.threshold),
        source=source,
        bands=bands,
        session=session,
        prepare=normaliser,
        blend="linear",
        tile=tile,
        overlap=overlap,
        threshold=model.threshold,
        model=describe_model(model),
        runtime={
            "name": opened.runtime,
            "version": opened.version,
            "device": opened.device,
            "precision": opened.precision,
            "threads": opened.threads,
            "agreement": opened.agreement,
        },
        inputs=(source.describe(),),
        sensor=scene.sensor.name if scene.sensor else "",
        acquired=scene.time.isoformat() if scene.time else "",
        on_device=opened.on_device,
        session_mib=2 * model.weights.stat().st_size // 2**20 + 200,
    )


def decided_by(model: ModelSpec, threshold: float) -> Decide | None:
    """Say how a network's scores become classes, where one of them says that nothing was observed.

    Args:
        model: the network.
        threshold: of one plane.

    Returns:
        None: the highest score wins, as in every map.
    """
    values = [entry.value for entry in model.classes]
    if model.nodata not in values:
        return None
    nothing = nodata_class(class_dtype(value for value in values if value != model.nodata))
    return Highest(
        values=tuple(nothing if value == model.nodata else value for value in values), threshold=threshold
    )


def fit_network(model: ModelSpec, scene: Scene, source: Source) -> tuple[Normaliser, list[Pixels]]:
    """Check units and value range of a scene, and say how its pixels become a network's input.

    Args:
        model: what the network needs.
        scene: whose units and pixel size count.
        source: what is read.

    Returns:
        The normaliser, and the sample of the source that it was fitted to.
    """
    bands = tuple(band.name for band in model.bands)
    blocks = sample(source, bands, size=FIT_SIZE, most=FITS)
    check_fit(
        model,
        {band: scene.units(band) for band in bands if band in scene.band_names},
        blocks,
        None if scene.grid.crs is None else scene.grid.pixel_size_m[0],
    )
    return Normaliser(fit_to_scene(model, blocks)), blocks


def _tiling(model: ModelSpec, source: Source, run: RunSpec) -> tuple[int, int]:
    """Tile size and overlap of a network.

    A scene no larger than a tile is one tile, as it is: a margin would only hold what was not observed.
    """
    if model.fixed_tile:
        return model.tile, min(model.overlap, model.tile // 2)
    longest = max(source.grid.height, source.grid.width)
    if run.tile is None and run.overlap is None and longest <= model.tile:
        return -(-longest // model.multiple) * model.multiple, 0
    tile = run.tile or model.tile
    return tile, min(model.overlap, tile // 2)


def _check_tiles(
    source: Source, bands: tuple[str, ...], prepare: Normaliser, blocks: Sequence[Pixels], tile: int
) -> NDArray[np.float32]:
    """A few normalised tiles (n, C, tile, tile) of the scene itself, most observed first."""
    best = sorted(blocks, key=lambda block: -int(block.valid.sum()))[:CHECK_TILES]
    return np.stack(
        [
            prepare(
                source.read(
                    Window(row=block.window.row, col=block.window.col, height=tile, width=tile), bands
                )
            )
            for block in best
        ]
    )


def describe_model(model: ModelSpec) -> dict[str, JsonValue]:
    """What a record keeps of a network."""
    return {
        "name": model.name,
        "sha256": model.sha256,
        "licence": model.licence,
        "source": model.source,
        "weights": model.weights.name,
    }
