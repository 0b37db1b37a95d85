"""Write the scores of a network, beside those of its rivals, into its bundle."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_

from geoseg.bundles.find import architecture_of, find_model, write_bundle
from geoseg.bundles.mlm import DESCRIPTION
from geoseg.errors import UsageError
from geoseg.learn.evaluate.protocol import SubjectAccuracy
from geoseg.learn.evaluate.rivals import units_of
from geoseg.learn.samples.sample_spec import coverage_of
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.messages import note
from geoseg.methods.accuracy import Counts, interval
from geoseg.spec import Coverage, Evidence, RivalScore, ScoredSet, Units

LOG = logging.getLogger(__name__)


def record(bundle: str, results: Sequence[SubjectAccuracy], spec: TrainSpec, protocol: str) -> None:
    """Write scores, rivals and temperature of the first result into a bundle.

    Raises:
        UsageError: the model is not a bundle.
    """
    first, rivals = results[0], [result for result in results[1:] if result.subject.model is None]
    model = find_model(bundle)
    if model.source != "bundle":
        raise UsageError(f"`--record`: {bundle} is not a bundle; give the folder of a bundle")
    added = scored_set(
        first,
        rivals,
        name=f"{spec.name}: {protocol}",
        units=units_of(spec, first.scenes[0].sample),
        left_out=left_out(first, spec, model.training_scenes),
    )
    evidence = model.evidence.with_set(added) if model.evidence else Evidence(sets=(added,))
    # The maps of a bundle were made with its present temperature, so that the two temperatures multiply.
    before = model.temperature if first.subject.model is not None else 1.0
    temperature = round(before * first.temperature, 4)
    folder = model.weights.parent
    updated = model.model_copy(update={"evidence": evidence, "temperature": temperature})
    write_bundle(folder, updated, architecture=architecture_of(model))
    use = f"used with `--model` only: {updated.objection}" if updated.objection else "used by default"
    note(LOG, f"recorded in {folder / DESCRIPTION}: temperature {temperature:g}; {use}")


def left_out(result: SubjectAccuracy, spec: TrainSpec, trained_on: Coverage | None) -> Coverage:
    """Return the sensors, regions and events of the scenes that their network was not trained on.

    In a leave-one-out evaluation they are new to the network of every part; what is new for some parts only
    does not count.
    """
    regions = [scene.sample.region for scene in result.scenes]
    if result.parts is None:
        return coverage_of(spec.data, regions).new_to(trained_on or Coverage())
    found: list[Coverage] = []
    for part in result.parts.values():
        inside = [regions[index] for index in part]
        outside = [region for index, region in enumerate(regions) if index not in part]
        found.append(coverage_of(spec.data, inside).new_to(coverage_of(spec.data, outside)))
    return reduce(or_, found)


def scored_set(
    result: SubjectAccuracy,
    rivals: Sequence[SubjectAccuracy],
    *,
    name: str,
    units: Units,
    left_out: Coverage,
) -> ScoredSet:
    """Return the scores of a network and its rivals on the same scenes."""
    counts = _by_sample(result)
    worst = result.worst_part
    return ScoredSet(
        name=name,
        units=units,
        left_out=left_out,
        folds=len(result.parts or {}),
        scenes=len(counts),
        score=round(result.score, 4),
        interval=_rounded(result.interval),
        mean=_known(result.mean),
        dry=_known(result.dry),
        worst_fold=_known(worst[1]) if worst else None,
        rivals=tuple(
            RivalScore(
                name=rival.subject.name,
                score=round(rival.score, 4),
                mean=_known(rival.mean),
                dry=_known(rival.dry),
                gain=_rounded(_gain(counts, _by_sample(rival))),
            )
            for rival in sorted(rivals, key=lambda item: -item.score)
        ),
    )


def _by_sample(result: SubjectAccuracy) -> dict[str, Counts]:
    """Return the error matrix of each sample, whose order differs between evaluations."""
    sums: dict[str, Counts] = {}
    for scene in result.scenes:
        sums[scene.sample.id] = sums.get(scene.sample.id, 0) + scene.counts
    return sums


def _gain(counts: Mapping[str, Counts], other: Mapping[str, Counts]) -> tuple[float, float]:
    return interval(list(counts.values()), against=[other[name] for name in counts])


def _known(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _rounded(pair: tuple[float, float]) -> tuple[float, float]:
    return round(pair[0], 4), round(pair[1], 4)
