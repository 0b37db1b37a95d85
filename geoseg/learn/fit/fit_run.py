"""`geoseg fit`: from labels and scenes to a bundle, with the scores of every set of features."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from geoseg.bundles.deepness import deepness_entries
from geoseg.bundles.find import write_bundle
from geoseg.bundles.mlm import NAME
from geoseg.bundles.onnx_metadata import embed
from geoseg.errors import ModelError, OutputError, UsageError
from geoseg.files.disk import writing
from geoseg.files.inputs import reading_inputs
from geoseg.files.onnx_files import save_graph
from geoseg.files.output_files import OutputFiles, check_writable
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.learn.fit.doubt import doubt_tiles
from geoseg.learn.fit.doubt_picture import draw_doubt
from geoseg.learn.fit.encoder_features import add_encoder, tile_of
from geoseg.learn.fit.features import BANDS, EMBEDDING, INDEX, indices_of
from geoseg.learn.fit.gather import Gathered, gather
from geoseg.learn.fit.head_graph import (
    INPUT,
    OUTPUT,
    GraphParts,
    add_head,
    finish,
    physical_bands,
    plain_features,
)
from geoseg.learn.fit.heads import Neighbours, Standardised
from geoseg.learn.fit.next_labels import Suggestion, next_points, write_points
from geoseg.learn.fit.report import ClassLabels, FitReport, SetReport, card_text, verdict
from geoseg.learn.fit.validation import SetScore, balanced_score, best_set, by_encoder, fit_chosen, score_sets
from geoseg.messages import collecting, counted, note
from geoseg.methods.accuracy import interval
from geoseg.run_record import Progress, no_progress, run_warnings
from geoseg.scenes.embeddings import identity_of
from geoseg.spec import Coverage, Evidence, ModelSpec, RivalScore, ScoredSet
from geoseg.spec.fit import FitSpec

LOG = logging.getLogger(__name__)

TILE = 512
"""Side in px of the tiles of networks without an encoder."""

TILE_VALUES = 2**24
"""Most distances to labelled pixels of a tile, 64 MiB, which limits the tile of `knn`."""

MOST_DIFFERENCE = 1e-3
"""Greatest permitted difference of the scores of the graph from those of the head."""


@reading_inputs()
def fit_network(spec: FitSpec, progress: Progress = no_progress) -> FitReport:
    """Fit a network to labels, write it as a bundle, and score it by leaving places out.

    Raises:
        UsageError: the name of the bundle is not valid, or a group of features does not exist.
        SceneError: labels or scenes cannot be read or do not suffice.
        ModelError: the encoder does not fit the scenes.
        RuntimeMissingError: a package is missing.
        OutputError: an output exists or cannot be written.
    """
    _check_outputs(spec)
    with collecting() as messages, ExitStack() as stack:
        gathered = gather(spec, stack, progress)
        scores = score_sets(gathered.data, spec.head, spec.seed)
        used = _used_set(spec, scores)
        data = gathered.data
        head = fit_chosen(
            data.table.of(used.groups), data.classes, data.places, data.number, spec.head, spec.seed
        )
        report = _report(spec, gathered, scores, used, head)
        note(LOG, report.verdict)
        model = _write(spec, gathered, scores, used, head, report)
        extra = _write_doubt(spec, gathered, model, progress)
        outputs = tuple(str(path) for path in (spec.output, *extra))
        return report.model_copy(update={"outputs": outputs, "warnings": run_warnings(messages.warnings)})


def _doubt_outputs(spec: FitSpec) -> tuple[Path | None, Path | None]:
    """Return the paths of the points to label next and of the picture; None: not asked for."""
    beside = spec.output.parent / spec.output.name
    points = beside.with_name(f"{spec.output.name}-next.gpkg") if spec.suggest else None
    picture = beside.with_name(f"{spec.output.name}-unsure.png") if spec.suggest else None
    return points, spec.unsure or picture


def _write_doubt(spec: FitSpec, gathered: Gathered, model: ModelSpec, progress: Progress) -> list[Path]:
    """Write the points to label next and the picture, where they are asked for; return their paths."""
    points_path, picture = _doubt_outputs(spec)
    targets = [path for path in (points_path, picture) if path is not None]
    if not targets:
        return []
    scenes = gathered.scenes
    tiles = doubt_tiles(model, scenes, progress)
    points: list[Suggestion] = []
    if spec.suggest:
        grids = [item.scene.grid for item in scenes]
        points = next_points(tiles, grids, gathered.positions, spec.suggest, gathered.place_size)
        if len(points) < spec.suggest:
            note(LOG, f"only {counted(len(points), 'point')} far enough from each other and from all labels")
    with OutputFiles(targets, overwrite=spec.overwrite) as beside:
        if points_path is not None:
            column = spec.class_column or "class"
            with writing(points_path):
                write_points(points_path, points, scenes, gathered.classes, column, beside)
        if picture is not None:
            draw_doubt(picture, tiles, scenes, points, model, beside)
        beside.commit()
    return targets


def _check_outputs(spec: FitSpec) -> None:
    """Raise where the bundle or another output may not be written, before any work."""
    check_writable([path for path in _doubt_outputs(spec) if path is not None], spec.overwrite)
    if spec.output.exists() and not spec.overwrite:
        raise OutputError(f"{spec.output} exists; use `--overwrite` to replace it")
    if not re.match(NAME, spec.output.name):
        raise UsageError(
            f"the folder {spec.output.name!r} is the name of the model, which is not valid; use three or "
            "more letters, digits, . _ - or spaces, a letter first"
        )


def _used_set(spec: FitSpec, scores: Sequence[SetScore]) -> SetScore:
    """Return the best set of features, or that of `--features`."""
    if spec.features is None:
        return best_set(scores)
    asked = {name.strip().lower() for name in spec.features.split("+")}
    for item in scores:
        if set(item.groups) == asked:
            return item
    raise UsageError(
        f"`--features {spec.features}`: there are {', '.join(item.name for item in scores)} "
        "(indices need optical bands, an embedding needs `--encoder`)"
    )


def _report(
    spec: FitSpec, gathered: Gathered, scores: Sequence[SetScore], used: SetScore, head: Standardised
) -> FitReport:
    data = gathered.data
    sets = [
        SetReport(
            name=item.name,
            features=item.features,
            score=item.score,
            interval=item.interval,
            recall=item.recall,
            used=item is used,
        )
        for item in scores
    ]
    chosen = next(item for item in sets if item.used)
    of_class = [data.classes == index for index in range(data.number)]
    return FitReport(
        bundle=str(spec.output),
        head=spec.head,
        setting=head.setting,
        classes=tuple(
            ClassLabels(
                value=item.value,
                label=item.label,
                labels=len(np.unique(gathered.labels[own])),
                pixels=int(own.sum()),
                places=len(np.unique(data.places[own])),
            )
            for item, own in zip(gathered.classes, of_class, strict=True)
        ),
        scenes=tuple(item.scene.name for item in gathered.scenes),
        bands=tuple(band.name for band in gathered.inputs.bands),
        places=len(np.unique(data.places)),
        folds=used.folds,
        sets=tuple(sets),
        verdict=verdict(chosen, sets, _embedding_gain(scores), named=spec.features is not None),
        outputs=(),
    )


def _embedding_gain(scores: Sequence[SetScore]) -> tuple[float, float] | None:
    """Return the interval of the gain of the best set with an embedding over the best set without it."""
    plain, deep = by_encoder(scores)
    if not deep:
        return None
    first, second = (max(items, key=lambda item: item.score) for items in (deep, plain))
    return interval(first.counts, balanced_score, against=second.counts)


def _write(
    spec: FitSpec,
    gathered: Gathered,
    scores: Sequence[SetScore],
    used: SetScore,
    head: Standardised,
    report: FitReport,
) -> ModelSpec:
    """Write the bundle, after its graph gave the scores of the head."""
    model = _model(spec, gathered, scores, used, head)
    sensors = sorted({item.scene.sensor.title for item in gathered.scenes if item.scene.sensor})
    labels = [path.name for path in (spec.labels, *spec.more_labels)]
    with scratch_folder() as scratch, scratching(scratch):
        plain = scratch / "plain.onnx"
        save_graph(_graph(gathered, used, head, model), plain)
        check_graph(plain, gathered, used, head, model)
        embed(plain, final := scratch / "model.onnx", model, extra=deepness_entries(model))
        return write_bundle(
            spec.output,
            model.model_copy(update={"weights": final}),
            architecture=f"{spec.head} on {used.name}",
            card=card_text(report, model, labels, sensors),
        )


def _model(
    spec: FitSpec, gathered: Gathered, scores: Sequence[SetScore], used: SetScore, head: Standardised
) -> ModelSpec:
    """Return the description of the bundle, with weights in model.onnx."""
    inputs = gathered.inputs
    encoder = gathered.encoder.model if gathered.encoder and EMBEDDING in used.groups else None
    names = bands_read(gathered, used.groups)
    known = [item.scene.sensor.name for item in gathered.scenes if item.scene.sensor]
    tile = TILE
    if isinstance(head.head, Neighbours):
        while tile > 32 and tile * tile * len(head.head.points) > TILE_VALUES:
            tile //= 2
    return ModelSpec(
        name=spec.output.name,
        title=f"{' or '.join(item.label for item in gathered.classes)}, fitted to {spec.labels.name}",
        bands=tuple(band for band in inputs.bands if band.name in names),
        units=inputs.units,
        atmosphere=inputs.atmosphere,
        resolution=inputs.resolution,
        metadata=encoder.metadata if encoder else (),
        encoder=encoder.encoder if encoder else "",
        features_of=identity_of(gathered.scenes[0].scene),
        tile=encoder.tile if encoder else tile,
        overlap=encoder.overlap if encoder else 0,
        multiple=encoder.multiple if encoder else 1,
        fixed_tile=encoder.fixed_tile if encoder else False,
        fixed_batch=encoder.fixed_batch if encoder else None,
        activation="none",
        classes=gathered.classes,
        background=gathered.background,
        weights=Path("model.onnx"),
        input_name=INPUT,
        output_name=OUTPUT,
        licence=spec.licence,
        training_scenes=Coverage(sensors=tuple(sorted(set(known)))) if known else None,
        evidence=Evidence(sets=(_scored(spec, gathered, scores, used),)),
    )


def bands_read(gathered: Gathered, groups: Sequence[str]) -> set[str]:
    """Return the names of the bands that groups of features are computed from."""
    names = [band.name for band in gathered.inputs.bands]
    if BANDS in groups:
        return set(names)
    found: set[str] = set()
    if INDEX in groups:
        found |= {names[place] for item in gathered.indices for place in (item.first, item.second)}
    if EMBEDDING in groups and gathered.encoder is not None:
        found |= {band.name for band in gathered.encoder.model.bands}
    return found


def _scored(spec: FitSpec, gathered: Gathered, scores: Sequence[SetScore], used: SetScore) -> ScoredSet:
    """Return the scores of the set in use, with the other sets as its rivals."""
    return ScoredSet(
        name=f"{spec.labels.name}: labels left out by place, classes of equal weight",
        units=gathered.inputs.units,
        folds=used.folds,
        scenes=len(used.counts),
        score=round(used.score, 4),
        interval=_rounded(used.interval),
        rivals=tuple(
            RivalScore(
                name=item.name,
                score=round(item.score, 4),
                gain=_rounded(interval(used.counts, balanced_score, against=item.counts)),
            )
            for item in scores
            if item is not used
        ),
    )


def _rounded(pair: tuple[float, float]) -> tuple[float, float]:
    return round(pair[0], 4), round(pair[1], 4)


def _graph(gathered: Gathered, used: SetScore, head: Standardised, model: ModelSpec) -> onnx.ModelProto:
    """Return the graph of the network."""
    parts = GraphParts()
    physical_bands(parts, model.bands, len(model.metadata))
    indices = indices_of([band.name for band in model.bands], model.units) if INDEX in used.groups else ()
    plain_features(parts, indices, used.groups)
    if EMBEDDING in used.groups and gathered.encoder is not None:
        add_encoder(parts, replace(gathered.encoder, bands=model.bands))
    number = add_head(parts, [f"{name}_features" for name in used.groups], head)
    return finish(parts, model.channels, number, model.tile if model.fixed_tile else None, model.fixed_batch)


def check_graph(path: Path, gathered: Gathered, used: SetScore, head: Standardised, model: ModelSpec) -> None:
    """Compare the scores of the graph with those of the head: on labelled pixels, of one tile of an encoder.

    Raises:
        ModelError: the scores differ.
    """
    import onnxruntime  # noqa: PLC0415 - heavy

    table = gathered.data.table
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    if EMBEDDING in used.groups:
        index = next(i for i, item in enumerate(gathered.pixels) if len(item.labels))
        first = sum(len(item.labels) for item in gathered.pixels[:index])
        members, image, rows, cols = tile_of(gathered.scenes[index].scene, gathered.pixels[index], model)
        found = session.run(None, {INPUT: image})[0][0][:, rows, cols].T
        expected = head.scores(table.of(used.groups)[first + members])
    else:
        mean, std = (np.array([getattr(band, key) for band in model.bands]) for key in ("mean", "std"))
        names = [band.name for band in gathered.inputs.bands]
        values = table.groups[BANDS][:, [names.index(band.name) for band in model.bands]]
        image = ((values - mean) / std).T[None, :, :, None].astype(np.float32)
        found = session.run(None, {INPUT: image})[0][0, :, :, 0].T
        expected = head.scores(table.of(used.groups))
    apart = np.abs(found - expected).max(axis=1) > MOST_DIFFERENCE
    # The distances of two pixels may be equal but for rounding, and one of them votes.
    allowed = 0.02 if isinstance(head.head, Neighbours) else 0.0
    if not apart.mean() <= allowed or not np.isfinite(found).all():
        raise ModelError(
            f"scores of the graph differ from those of the head at {int(apart.sum())} of {len(apart)} "
            "labelled pixels; no bundle was written"
        )
