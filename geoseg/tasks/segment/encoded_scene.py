"""A scene, or scenes of several dates, with the encoder that reads it: the recipe of its features."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from geoseg.atmosphere.cloud_warnings import report_masked
from geoseg.engine.input_check import REMEDY
from geoseg.engine.network_on_scene import network_recipe
from geoseg.engine.recipe import Recipe
from geoseg.errors import BandError, ModelError
from geoseg.messages import note, replay
from geoseg.models.networks.encoders.band_groups import readable
from geoseg.scenes import Scene
from geoseg.scenes.area_of_interest import clip
from geoseg.scenes.embeddings import check_not_embedding
from geoseg.spec import EncoderSpec, RunSpec
from geoseg.spec.band_names import few_names
from geoseg.tasks.scene_dates import in_order, stacked, times_of
from geoseg.tasks.segment.encoder_bundle import (
    EncoderBundle,
    EncoderChoice,
    described_encoder,
    encoder_bundle,
    modality_of,
)

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class EncodedScene:
    """What makes the features of a scene."""

    bundle: EncoderBundle
    scenes: tuple[Scene, ...]
    """Of each date, the earliest first."""
    recipe: Recipe
    """Its session returns features at `bundle.model.stride`; `geoseg.engine.feature_rows` runs it."""


def bands_in_common(encoder: EncoderSpec, name: str, bands: Collection[str]) -> tuple[str, ...]:
    """Return the bands of a scene that an encoder reads, in its order: of the modality that has most.

    A note names bands of that modality that the scene lacks.

    Raises:
        BandError: the encoder can read none of the bands.
    """
    best: tuple[str, ...] = ()
    lacking: list[str] = []
    for modality in encoder.modalities:
        own = [band.name for band in modality.bands]
        used = readable(encoder, set(own) & set(bands))
        if len(used) > len(best):
            best, lacking = used, [band for band in own if band not in used]
    if not best:
        groups = "; ".join(", ".join(band.name for band in item.bands) for item in encoder.modalities)
        raise BandError(
            f"{name}: encoder {encoder.name} reads {groups}, and none of the bands is enough for it: "
            f"{few_names(list(bands), 20)}; name files with `--band NAME=PATH`, or the sensor with `--sensor`"
        )
    if lacking:
        note(LOG, f"encoder {encoder.name} reads {', '.join(best)}; {name} gives it no {', '.join(lacking)}")
    return best


def check_units(encoder: EncoderSpec, scene: Scene, bands: Sequence[str], otherwise: str = "") -> None:
    """Check the units of bands before an encoder is exported for them, which takes its time.

    Args:
        encoder: the encoder.
        scene: has the bands.
        bands: that the encoder reads.
        otherwise: remedy where the sensor is known; empty: a scene in the units of the encoder.

    Raises:
        ModelError: a band has other units than those that the encoder reads.
    """
    wanted = modality_of(encoder, bands).units
    given = sorted({scene.units(name) for name in bands} - {wanted})
    if given:
        # Of the generic sensor neither scale nor offset is known.
        sensor = scene.sensor.name if scene.sensor and scene.sensor.name != "generic" else ""
        of = f" of {sensor}" if sensor else ""
        remedy = (otherwise or f"give a scene in {wanted}") if sensor else REMEDY[wanted]
        raise ModelError(
            f"encoder {encoder.name} reads {wanted}, and {scene.name} has {', '.join(given)}{of}: {remedy}"
        )


def encode(
    scenes: Sequence[Scene],
    run: RunSpec,
    choice: EncoderChoice,
) -> EncodedScene:
    """Fit an encoder to open scenes of one place, one of each date.

    Args:
        scenes: masked and clipped as they are to be read, on the grid of the first; the features of more than
            one are those of a series of dates.
        run: tile, runtime, device, precision, threads.
        choice: the encoder; `run.tile` is used where it names no tile.

    Raises:
        UsageError: the encoder does not take the dates, patches or tile.
        BandError: it can read none of the bands.
        ModelError: the weights are missing, or units or values do not fit.
        RuntimeMissingError: a package, runtime or device is missing.
    """
    ordered = in_order(scenes)
    encoder = described_encoder(choice.name)
    shared = [set(scene.band_names) for scene in ordered]
    for scene in ordered:
        check_not_embedding(scene, encoder.bands, f"encoder {encoder.name}")
    bands = bands_in_common(
        encoder, ordered[0].name, [b for b in ordered[0].band_names if all(b in s for s in shared)]
    )
    for scene in ordered:
        check_units(encoder, scene, bands)
    first, *rest = (scene.select(bands) for scene in ordered)
    bundle = encoder_bundle(
        replace(choice, tile=choice.tile or run.tile), bands, dates=len(ordered), gsd=pixel_size(first)
    )
    model = bundle.model
    used = (first, *rest)
    recipe = network_recipe(model, first, stacked(model, used), run, times_of(model, used), fitted=False)
    return EncodedScene(
        bundle=bundle,
        scenes=used,
        recipe=replace(recipe, inputs=tuple(scene.describe() for scene in used)),
    )


def pixel_size(scene: Scene) -> float | None:
    """Return the side in m of a square of the area of a scene's pixels; None where it is not known."""
    side = math.sqrt(math.prod(scene.grid.pixel_size_m))
    return side if side > 0 else None


def for_encoder(scenes: Sequence[Scene], run: RunSpec) -> list[Scene]:
    """Return the scene of each date with all bands; the first is clipped to the mapped area.

    Args:
        scenes: from `open_dates`.
        run: the mapped area.
    """
    made = [scene if index else clip(scene, run) for index, scene in enumerate(scenes)]
    for scene in made:
        report_masked(scene)
        replay(scene.messages, of=scene.name if len(made) > 1 else "")
    return made
