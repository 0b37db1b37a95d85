"""Map what resembles places that a user names: the cosine similarity of features, above a threshold."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.engine.recipe import Recipe
from geoseg.errors import UsageError
from geoseg.grid import Window, sample_windows
from geoseg.messages import held, note, replay
from geoseg.methods.cosine_similarity import SMALLEST, cosine_similarity
from geoseg.methods.thresholds import bmax, histogram, otsu
from geoseg.pixels import Pixels
from geoseg.run_record import Progress
from geoseg.runtimes import Session
from geoseg.runtimes.session_wrapper import Score, SessionWrapper
from geoseg.scenes import Scene, Source
from geoseg.scenes.sensor_kind import kind_of
from geoseg.scenes.threshold_sample import sample
from geoseg.spec import ClassSpec, SegmentSpec
from geoseg.spec.embed import DEFAULT_ENCODER
from geoseg.tasks.scene_dates import open_dates
from geoseg.tasks.segment.encoded_scene import encode, for_encoder
from geoseg.tasks.segment.encoder_bundle import EncoderChoice
from geoseg.tasks.segment.named_places import Pixel, pixels_of

LOG = logging.getLogger(__name__)

CLASSES = (
    ClassSpec(value=0, label="other", colour="#f0f0f0"),
    ClassSpec(value=1, label="similar", colour="#d95f02"),
)

SAMPLE_TILES, SAMPLE_BLOCKS, BLOCK = 16, 24, 64
"""Tiles of an encoder, and blocks of an embedding and their side in pixels, from which the mean of features
and the threshold are found."""

TWO_MODES = 0.75
"""Least share of the variance that Otsu's threshold explains if there are two modes; of a uniform
distribution it is 0.75, of a normal one 0.64."""

MEAN_REMOVED = "encoder-features"
"""Sensor of embeddings whose mean is subtracted, as that of an encoder's features; published embeddings are
made for the cosine of their vectors as they are."""

Vectors = NDArray[np.float32]


def similarity_recipe(spec: SegmentSpec, stack: ExitStack, progress: Progress, *, dry_run: bool) -> Recipe:
    """Return the recipe of a map of places like those of the request; `stack` closes what is opened.

    Raises:
        UsageError: a place lies outside the scene or where nothing was observed, or an option does not fit.
        SceneError: the scene cannot be read.
        ModelError: the encoder does not fit the scene, or its weights are missing.
    """
    with held() as messages:
        opened = open_dates(spec.scene, 1, "`--like`", spec.run, stack, progress, dry_run=dry_run)
        (scene,) = for_encoder(opened, spec.run)
        pixels = pixels_of(spec.like, scene.grid, scene.name)
        _check_options(spec, scene)
    replay(messages)
    if kind_of(scene) == "embedding":
        return _of_embedding(spec, scene, pixels)
    recipe = _of_encoder(spec, scene, pixels)
    stack.callback(recipe.session.close)
    return recipe


def _check_options(spec: SegmentSpec, scene: Scene) -> None:
    """Raise UsageError where options of an encoder are given for an embedding."""
    given = {
        "`--encoder`": spec.encoder is not None,
        "`--patch`": spec.patch is not None,
        "`--weights`": spec.weights != "auto",
    }
    wrong = [name for name, is_given in given.items() if is_given]
    if wrong and kind_of(scene) == "embedding":
        raise UsageError(f"{scene.name} is an embedding, so no encoder runs: leave out {', '.join(wrong)}")


def _of_embedding(spec: SegmentSpec, scene: Scene, pixels: Sequence[Pixel]) -> Recipe:
    """Compare the vectors of an embedding."""
    bands = scene.band_names
    found = [
        scene.read(Window(row=row, col=col, height=1, width=1), bands).physical()[:, 0, 0]
        for row, col in pixels
    ]
    vectors = _checked(np.stack(found), spec, scene.name)
    blocks = [
        block.physical().reshape(len(bands), -1)
        for block in sample(scene, bands, size=BLOCK, most=SAMPLE_BLOCKS)
    ]
    features = np.concatenate(blocks, axis=1)
    features = features[:, np.isfinite(features).all(axis=0)]
    remove = scene.sensor is not None and scene.sensor.name == MEAN_REMOVED
    mean = features.mean(axis=1) if remove else np.zeros(len(bands), np.float32)
    places = Places(vectors=vectors - mean, mean=mean)
    threshold = _threshold(spec, places.similarity(features))
    return Recipe(
        task="segment",
        layer="segments",
        classes=CLASSES,
        source=scene,
        bands=bands,
        session=VectorSession(places),
        prepare=Pixels.physical,
        blend="crop",
        tile=BLOCK,
        overlap=0,
        threshold=as_score(threshold),
        runtime={"method": "cosine similarity", "threshold": round(threshold, 6)},
        inputs=(scene.describe(),),
        sensor=scene.sensor.name if scene.sensor else "",
        acquired=scene.time.isoformat() if scene.time else "",
    )


def _of_encoder(spec: SegmentSpec, scene: Scene, pixels: Sequence[Pixel]) -> Recipe:
    """Compare the features of an encoder."""
    choice = EncoderChoice(
        name=spec.encoder or DEFAULT_ENCODER, weights=spec.weights, patch=spec.patch, tile=spec.run.tile
    )
    encoded = encode([scene], spec.run, choice)
    recipe, model = encoded.recipe, encoded.bundle.model
    stride, tile = model.stride, model.tile
    source = recipe.source
    vectors = []
    for row, col in pixels:
        # The tile around the place, on the grid of features of the map.
        top, left = (at // stride * stride - tile // (2 * stride) * stride for at in (row, col))
        block = source.read(Window(row=top, col=left, height=tile, width=tile), recipe.bands)
        cell = ((row - top) // stride, (col - left) // stride)
        seen = block.valid[row - top, col - left]
        features = recipe.session(recipe.prepare(block)[np.newaxis])[0]
        vectors.append(features[:, *cell] if seen else np.full(len(features), np.nan, np.float32))
    known = _checked(np.stack(vectors), spec, scene.name)
    features = _sampled(recipe, source, tile, stride)
    mean = features.mean(axis=1)
    places = Places(vectors=known - mean, mean=mean)
    threshold = _threshold(spec, places.similarity(features))
    return replace(
        recipe,
        classes=CLASSES,
        background=0,
        decide=None,
        session=SimilarPlaces(recipe.session, places, stride),
        threshold=as_score(threshold),
        runtime={**recipe.runtime, "method": "cosine similarity", "threshold": round(threshold, 6)},
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Places:
    """Vectors of the named places."""

    vectors: Vectors
    """(P, D), less the mean."""
    mean: Vectors
    """(D,), subtracted from features."""

    def similarity(self, features: Vectors) -> Vectors:
        """Return the greatest cosine similarity (…) of features (D, …) to any of the places."""
        shape = (-1, *([1] * (features.ndim - 1)))
        less = features - self.mean.reshape(shape)
        each = [cosine_similarity(less, vector.reshape(shape)) for vector in self.vectors]
        return np.asarray(np.max(each, axis=0))


class VectorSession:
    """Scores the vectors of an embedding: (1 + similarity) / 2."""

    planes = 1
    batch = 1
    description = "cosine similarity to the named places"

    def __init__(self, places: Places) -> None:
        """Compare with places."""
        self._places = places

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Score tiles (N, D, H, W), NaN where not observed, to (N, 1, H, W)."""
        found = [as_score(self._places.similarity(tile))[np.newaxis] for tile in batch]
        return np.asarray(np.nan_to_num(np.stack(found), nan=0.0), np.float32)

    def close(self) -> None:
        """Do nothing: no resource is open."""


class SimilarPlaces(SessionWrapper):
    """Scores the features of an encoder at every pixel of their patch: (1 + similarity) / 2."""

    planes = 1

    def __init__(self, session: Session, places: Places, stride: int) -> None:
        """Wrap an encoder with features of `stride` pixels."""
        super().__init__(session)
        self._places, self._stride = places, stride

    @property
    def description(self) -> str:
        """Description of the encoder, and of the measure."""
        return f"cosine similarity to the named places, by {self.session.description}"

    def score_with(self, score: Score, batch: Any, arrays: ModuleType) -> Any:
        """Score tiles (N, C, H, W) to (N, 1, H, W)."""
        features = score(batch)
        on_device = getattr(features, "new_tensor", np.asarray)
        less = features - on_device(self._places.mean)[None, :, None, None]
        lengths = arrays.sqrt((less * less).sum(1)) + SMALLEST
        best = None
        for vector in self._places.vectors:
            unit = on_device(vector / max(float(np.linalg.norm(vector)), SMALLEST))
            cosine = (less * unit[None, :, None, None]).sum(1) / lengths
            best = cosine if best is None else arrays.maximum(best, cosine)
        scores = as_score(best)
        count, rows, cols = scores.shape
        side = self._stride
        each = arrays.broadcast_to(scores[:, None, :, None, :, None], (count, 1, rows, side, cols, side))
        return each.reshape(count, 1, rows * side, cols * side) * 1.0


def as_score(similarity: Any) -> Any:
    """Return the score 0..1 of a cosine similarity -1..1."""
    return (1 + similarity) / 2


def _checked(vectors: Vectors, spec: SegmentSpec, name: str) -> Vectors:
    """Return vectors (P, D) of the places.

    Raises:
        UsageError: nothing was observed at a place.
    """
    for place, vector in zip(spec.like, vectors, strict=True):
        if not np.isfinite(vector).all():
            raise UsageError(
                f"`--like {place[0]:g},{place[1]:g}`: {name} was not observed there (nodata, or masked "
                "as cloud): name another place, or see `--clouds`"
            )
    return vectors


def _sampled(recipe: Recipe, source: Source, tile: int, stride: int) -> Vectors:
    """Return features (D, n) of tiles from all parts of a scene, where more than half was observed."""
    found = []
    for window in sample_windows(source.grid, size=tile, most=SAMPLE_TILES):
        block = source.read(Window(row=window.row, col=window.col, height=tile, width=tile), recipe.bands)
        if not block.valid.any():
            continue
        features = recipe.session(recipe.prepare(block)[np.newaxis])[0]
        side = tile // stride
        seen = block.valid.reshape(side, stride, side, stride).mean(axis=(1, 3)) >= 0.5
        found.append(features[:, seen])
    return np.concatenate(found, axis=1)


def _threshold(spec: SegmentSpec, similarity: Vectors) -> float:
    """Return the threshold of the request, or one found in a sample of similarities.

    That is Otsu's where it separates two modes; else the upper part of the sample is divided again, because
    what resembles a place is then less than the half that Otsu's threshold makes of one mode.
    """
    known = similarity[np.isfinite(similarity)]
    if spec.threshold is not None:
        threshold, how = spec.threshold, "as asked"
    else:
        pooled = histogram(known, (-1.0, 1.0))
        threshold, share = otsu(pooled), bmax(pooled)
        how = f"Otsu's of a sample of the scene, which explains {share:.0%} of its variance"
        if share < TWO_MODES:
            threshold = otsu(histogram(known[known > threshold], (-1.0, 1.0)))
            how += "; applied to the upper part again, because there is one mode"
    mapped = float(np.mean(known > threshold)) if known.size else 0.0
    note(
        LOG,
        f"similarity above {threshold:.3f} is mapped ({how}): {mapped:.1%} of the sample; see `--threshold`",
    )
    return threshold
