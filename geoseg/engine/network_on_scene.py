"""Fit a network to a scene: normalisation, tiles, runtime and the recipe of its map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from geoseg.engine.blend import Decide, Highest
from geoseg.engine.date_metadata import WithMetadata, scene_facts, with_planes
from geoseg.engine.input_check import check_fit
from geoseg.engine.network_tiles import network_tiles
from geoseg.engine.normalise import Normaliser, fit_to_scene
from geoseg.engine.recipe import Recipe
from geoseg.grid import Grid, Window
from geoseg.pixels import Pixels, class_dtype, nodata_class
from geoseg.runtimes import Session
from geoseg.scenes import Scene, Source
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import InputSpec, ModelSpec, RunSpec

FIT_SIZE, FITS = 256, 24
"""Size and number of blocks on which the value range is compared with the training data: 1.6 Mpx."""

CHECK_TILES, CHECK_PIXELS = 4, 2**19
"""Most tiles of the scene on which a lower precision is compared with fp32, and most pixels of several."""


def network_recipe(
    model: ModelSpec,
    scene: Scene,
    source: Source,
    run: RunSpec,
    times: Mapping[str, datetime | None] = MappingProxyType({}),
    *,
    fitted: bool = True,
) -> Recipe:
    """Check units and values of a scene, choose runtime and precision, and return the recipe.

    Args:
        model: of the network.
        scene: its units, sensor, time and centre are used.
        source: to be read: the scene, or a stack on its grid.
        run: options.
        times: of every date of the source, by the prefix of its bands; empty: of the scene alone.
        fitted: whether tiles may be flush with the edges of the scene. They may not if the source has pixels
            beyond its edges, or if features of other runs should lie on the same tiles.
    """
    from geoseg.runtimes.choose import open_session  # noqa: PLC0415 - only maps by a network

    bands = tuple(band.name for band in model.bands)
    normaliser, blocks = fit_network(model, scene, source)
    tiles = network_tiles(model, source.grid, run, fitted=fitted)
    facts = scene_facts(model, scene, times)
    opened = open_session(
        model,
        runtime=run.runtime,
        device=run.device,
        precision=run.precision,
        threads=run.threads,
        batch=run.batch_size,
        tile=tiles.size,
        check=partial(_check_tiles, source, bands, normaliser, blocks, tiles.size, facts),
        # Features are compared between runs, and cloud masks with those of others: `auto` is fp32 for both.
        count=len(tiles) if fitted else 1,
    )
    session: Session = opened.session
    if facts:
        session = WithMetadata(session, facts)
    if run.tta:
        from geoseg.runtimes.tta import Flipped  # noqa: PLC0415 - only with --tta

        session = Flipped(session)
    return Recipe(
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
        tile=tiles.size,
        overlap=tiles.overlap,
        fitted=tiles.fitted,
        threshold=model.threshold,
        model=describe_model(model),
        runtime={
            **opened.describe(),
            "agreement": opened.agreement,
            **({"measured": dict(opened.measured)} if opened.measured is not None else {}),
        },
        inputs=(source.describe(),),
        sensor=scene.sensor.name if scene.sensor else "",
        acquired=scene.time.isoformat() if scene.time else "",
        on_device=opened.on_device,
        session_mib=network_mib(model),
    )


def network_mib(model: ModelSpec) -> int:
    """Return about how many MiB a network takes with its runtime."""
    return 2 * model.weights.stat().st_size // 2**20 + 200


def decided_by(model: ModelSpec, threshold: float) -> Decide | None:
    """Return the decision of a network that has a class for pixels without observation.

    Args:
        model: of the network.
        threshold: 0..1, for one plane.

    Returns:
        None: the network has no such class, and the highest score decides.
    """
    values = [entry.value for entry in model.classes]
    if model.nodata not in values:
        return None
    nothing = nodata_class(class_dtype(value for value in values if value != model.nodata))
    return Highest(
        values=tuple(nothing if value == model.nodata else value for value in values), threshold=threshold
    )


def fit_network(model: InputSpec, scene: Scene, source: Source) -> tuple[Normaliser, list[Pixels]]:
    """Check units and values of a scene and return the normaliser of its pixels.

    Args:
        model: of the network, or one of its inputs.
        scene: its units and pixel size are used.
        source: to be read.

    Returns:
        The normaliser, and the sample of the source to which it was fitted.
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


def _check_tiles(
    source: Source,
    bands: tuple[str, ...],
    prepare: Normaliser,
    blocks: Sequence[Pixels],
    tile: int,
    facts: Sequence[float],
) -> NDArray[np.float32]:
    """Return normalised tiles (n, C, tile, tile) of the scene with the most observed pixels."""
    most = max(1, min(CHECK_TILES, CHECK_PIXELS // tile**2))
    best = sorted(blocks, key=lambda block: -int(block.valid.sum()))[:most]
    windows = [_within(block.window, source.grid, tile) for block in best]
    tiles = np.stack([prepare(source.read(window, bands)) for window in windows])
    return np.asarray(with_planes(tiles, facts, np))


def _within(block: Window, grid: Grid, tile: int) -> Window:
    """Return the tile at a block, moved into the grid if it fits."""
    row = max(0, min(block.row, grid.height - tile))
    col = max(0, min(block.col, grid.width - tile))
    return Window(row=row, col=col, height=tile, width=tile)


def describe_model(model: ModelSpec) -> dict[str, JsonValue]:
    """Return name, hash, licence and source of a network for the record."""
    return {
        "name": model.name,
        "sha256": model.sha256,
        "licence": model.licence,
        "source": model.source,
        "weights": model.weights.name,
        **({"encoder": model.encoder} if model.encoder else {}),
    }
