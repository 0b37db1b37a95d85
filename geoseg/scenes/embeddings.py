"""Which embeddings may be compared: vectors have a meaning only beside others of the same model."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from geoseg.errors import BandError, SceneError
from geoseg.messages import counted, warn
from geoseg.scenes.scene import Scene
from geoseg.scenes.sensor_kind import kind_of

LOG = logging.getLogger(__name__)


def identity_of(scene: Scene) -> dict[str, str]:
    """Return the tags of an embedding that tell which model made it, of which bands; "" where missing."""
    wanted = scene.sensor.identity if scene.sensor is not None else ()
    tags = scene.bands[0].raster.tags()
    return {name: tags.get(name, "") for name in wanted}


def check_not_embedding(scene: Scene, bands: Collection[str], reader: str) -> None:
    """Check that a scene is no embedding where bands are read that are not its axes.

    Args:
        scene: the scene.
        bands: that are read.
        reader: what reads them, for the message: `the network water-optical`.

    Raises:
        BandError: it is one.
    """
    if kind_of(scene) != "embedding" or set(bands) <= set(scene.band_names):
        return
    title = scene.sensor.title if scene.sensor is not None else "embedding"
    raise BandError(
        f"{scene.name} holds features, not bands ({title}), and {reader} reads bands. Use it with "
        "`geoseg fit`, `geoseg segment --like`, or `geoseg change` without `--model`"
    )


def check_comparable(first: Scene, second: Scene) -> None:
    """Check that the vectors of two embeddings may be compared.

    Raises:
        SceneError: they are of different models, releases or axes.
    """
    names = [scene.sensor.name if scene.sensor else "unknown" for scene in (first, second)]
    advice = "vectors of different models have nothing in common: make or fetch both by the same one"
    if names[0] != names[1]:
        raise SceneError(f"{first.name} is {names[0]} and {second.name} is {names[1]}: {advice}")
    ours = identity_of(first)
    _compare_identity(ours, first.name, second, advice)
    if first.band_names != second.band_names:
        raise SceneError(
            f"{first.name} has {counted(len(first.band_names), 'axis', 'axes')}"
            f" and {second.name} {len(second.band_names)}, "
            "and they are not the same: compare files with the same axes"
        )
    _warn_unknown(ours, first.name, second, "the map shows the difference of the models")


def check_reads(features_of: Mapping[str, str], reader: str, scene: Scene) -> None:
    """Check that an embedding is of the model whose vectors a network was fitted to.

    Args:
        features_of: tags of the embedding that the network was fitted to; none: not known, or no embedding.
        reader: the network, for the message.
        scene: the scene.

    Raises:
        SceneError: it is of another model or release.
    """
    if kind_of(scene) == "embedding" and features_of:
        advice = "vectors of another model mean nothing to it: fit to labels on this one"
        _compare_identity(features_of, reader, scene, advice)
        _warn_unknown(features_of, reader, scene, "the map is wrong")


def _compare_identity(ours: Mapping[str, str], name: str, scene: Scene, advice: str) -> None:
    """Raise SceneError where a tag of a scene is not that of `ours`."""
    others = identity_of(scene)
    for tag, value in ours.items():
        if value != others.get(tag, ""):
            raise SceneError(
                f"{tag} of {name} is {value or 'not stated'}, and of {scene.name} "
                f"{others.get(tag) or 'not stated'}: {advice}"
            )


def _warn_unknown(ours: Mapping[str, str], name: str, scene: Scene, result: str) -> None:
    """Warn that neither side states its release."""
    if ours and not any(ours.values()):
        warn(
            LOG,
            "embedding-release-unknown",
            f"neither {name} nor {scene.name} states its release ({', '.join(ours)}): if they "
            f"differ, {result}",
        )
