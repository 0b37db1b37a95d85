"""Evaluation protocols: held-out scenes, leave-one-out over the parts of a split, and few-shot training."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from geoseg.errors import GeosegError, UsageError
from geoseg.files.scratch import scratch_folder
from geoseg.learn.evaluate.scene_maps import SceneAccuracy, compare_rules, map_and_compare
from geoseg.learn.evaluate.score_calibration import (
    Reliability,
    calibration_error,
    fit_temperature,
    no_pixels,
)
from geoseg.learn.evaluate.subjects import Subject, method_subject
from geoseg.learn.samples import SampleWindow, find_samples, sample_windows, split
from geoseg.learn.samples.splits import leave_out, part_names
from geoseg.learn.train import missing_extra
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.messages import note
from geoseg.methods.accuracy import (
    Counts,
    false_positive_share,
    interval,
    main_score,
    mean_over_chips,
)
from geoseg.run_record import Progress

LOG = logging.getLogger(__name__)

ROLES = ("test", "val", "train", "all")
"""Values of the option `--on`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SubjectAccuracy:
    """The accuracy of the maps of one model or method."""

    subject: Subject
    scenes: tuple[SceneAccuracy, ...]
    parts: Mapping[str, tuple[int, ...]] | None = None
    """Indices of the scenes of each part, in a leave-one-out evaluation."""

    @cached_property
    def counts(self) -> Counts:
        """(K, K) pixels of all scenes by label (rows) and mapped class (columns)."""
        return np.asarray(np.sum([scene.counts for scene in self.scenes], axis=0), np.int64)

    @cached_property
    def reliability(self) -> Reliability:
        """Pixels of all scenes by score."""
        return sum((scene.reliability for scene in self.scenes), start=no_pixels())

    @property
    def score(self) -> float:
        """Main score over all scenes: IoU of the second of two classes, else mean IoU."""
        return main_score(self.counts)

    @cached_property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the main score, by resampling of scenes."""
        return self.interval_of(range(len(self.scenes)))

    def score_of(self, indices: Sequence[int]) -> float:
        """Return the main score over some scenes."""
        return main_score(np.sum([self.scenes[index].counts for index in indices], axis=0))

    def interval_of(self, indices: Sequence[int]) -> tuple[float, float]:
        """Return the 95 % confidence interval of the main score over some scenes."""
        return interval([self.scenes[index].counts for index in indices])

    @property
    def scene_scores(self) -> list[float]:
        """Main score of each scene for which it is defined."""
        scores = [main_score(scene.counts) for scene in self.scenes]
        return [value for value in scores if not np.isnan(value)]

    @property
    def mean(self) -> float:
        """Mean of the main score over the scenes for which it is defined."""
        return mean_over_chips([scene.counts for scene in self.scenes])

    @property
    def dry(self) -> float:
        """Share of false positives in scenes without the second of two classes; NaN where there are none."""
        return false_positive_share([scene.counts for scene in self.scenes])

    @property
    def worst_part(self) -> tuple[str, float] | None:
        """The part with the lowest main score; None without parts."""
        scores = {name: self.score_of(part) for name, part in (self.parts or {}).items()}
        return min(scores.items(), key=lambda item: item[1]) if scores else None

    @property
    def calibration_error(self) -> float:
        """Expected calibration error over all scenes, 0..1."""
        return calibration_error(self.reliability)

    @property
    def temperature(self) -> float:
        """Divisor of the logits that calibrates the scores."""
        return fit_temperature(self.reliability)


def subjects_of(spec: TrainSpec, models: Sequence[str], methods: Sequence[str]) -> tuple[Subject, ...]:
    """Return the given models and methods, and the baselines of the config.

    Raises:
        UsageError: a method does not exist.
    """
    networks = [Subject(name=Path(model).name, model=model) for model in models]
    unique = dict.fromkeys((*methods, *spec.baselines))
    return (*networks, *(method_subject(text, spec.task) for text in unique))


def held_out(spec: TrainSpec, on: str) -> tuple[SampleWindow, ...]:
    """Return the windows of a role: `test`, `val`, `train`, or `all`.

    Raises:
        UsageError: the role does not exist, or has no window.
    """
    if on not in ROLES:
        raise UsageError(f"`--on {on}` is not one of {', '.join(ROLES)}")
    everything = sample_windows(find_samples(spec.data), spec.data)
    if on == "all":
        return everything
    windows = {str(role): windows for role, windows in split(everything, spec.split).items()}[on]
    if not windows:
        raise UsageError(f"the split has no scenes for `--on {on}`; use `--on val` or `--on all`")
    return windows


def evaluate(
    spec: TrainSpec,
    subjects: Sequence[Subject],
    windows: Sequence[SampleWindow],
    folder: Path,
    progress: Progress,
) -> tuple[SubjectAccuracy, ...]:
    """Evaluate models and methods on the same windows.

    Raises:
        GeosegError: a scene cannot be mapped.
    """
    results = []
    for index, subject in enumerate(subjects):
        note(LOG, f"{subject.name}")
        scenes = map_and_compare(subject, windows, spec, folder / f"{index}", progress)
        results.append(SubjectAccuracy(subject=subject, scenes=scenes))
    return tuple(results)


def evaluate_rivals(
    spec: TrainSpec,
    subjects: Sequence[Subject],
    windows: Sequence[SampleWindow],
    folder: Path,
    progress: Progress,
) -> tuple[SubjectAccuracy, ...]:
    """Evaluate rivals on the same windows; a method that cannot map a scene is left out, with a note."""
    trivial = [subject for subject in subjects if subject.rule is not None]
    mapped = compare_rules([s.rule for s in trivial if s.rule is not None], windows, spec, progress)
    results = [SubjectAccuracy(subject=s, scenes=scenes) for s, scenes in zip(trivial, mapped, strict=True)]
    for index, subject in enumerate(subject for subject in subjects if subject.rule is None):
        try:
            results += evaluate(spec, [subject], windows, folder / f"{index}", progress)
        except GeosegError as error:
            note(LOG, f"{subject.name} is left out: {error}")
    return tuple(results)


def leave_one_out(spec: TrainSpec, folder: Path, progress: Progress) -> SubjectAccuracy:
    """For each part of the split, train a network without it and evaluate the network on it.

    Raises:
        RuntimeMissingError: the extra `train` is not installed.
        UsageError: the split has only one part.
    """
    everything = sample_windows(find_samples(spec.data), spec.data)
    names = part_names(everything, spec.split)
    if len(names) < 2:
        raise UsageError("leave-one-out requires at least two parts; the split has one")
    scenes: list[SceneAccuracy] = []
    parts: dict[str, tuple[int, ...]] = {}
    for name in names:
        roles = leave_out(everything, spec.split, name)
        counts = f"{len(roles['train'])} windows for training, {len(roles['test'])} for evaluation"
        note(LOG, f"without {name}: {counts}")
        added = _train_and_evaluate(spec, roles["train"], roles["test"], folder / name, progress)
        parts[name] = tuple(range(len(scenes), len(scenes) + len(added)))
        scenes += added
    subject = Subject(name=f"{spec.name}, trained without the part evaluated")
    return SubjectAccuracy(subject=subject, scenes=tuple(scenes), parts=parts)


def few_shots(
    spec: TrainSpec, shots: int, windows: Sequence[SampleWindow], folder: Path, progress: Progress
) -> SubjectAccuracy:
    """Train on a number of windows drawn with the seed of the split, and evaluate on others.

    Raises:
        RuntimeMissingError: the extra `train` is not installed.
        UsageError: the split has fewer training windows than shots.
    """
    training = split(sample_windows(find_samples(spec.data), spec.data), spec.split)["train"]
    if shots > len(training):
        raise UsageError(f"`--shots {shots}`: the split has only {len(training)} training windows")
    drawn = np.random.default_rng(spec.split.seed).choice(len(training), shots, replace=False)
    chosen = [training[int(index)] for index in sorted(drawn)]
    scenes = _train_and_evaluate(spec, chosen, windows, folder / f"shots-{shots}", progress)
    return SubjectAccuracy(subject=Subject(name=f"{spec.name}, {shots} shots"), scenes=tuple(scenes))


def _train_and_evaluate(
    spec: TrainSpec,
    training: Sequence[SampleWindow],
    windows: Sequence[SampleWindow],
    folder: Path,
    progress: Progress,
) -> list[SceneAccuracy]:
    """Train a network, export it, and compare its maps with the labels."""
    try:
        from geoseg.learn.train.bundle_export import export  # noqa: PLC0415 - torch, only where a network is trained
        from geoseg.learn.train.training_run import train  # noqa: PLC0415
    except ImportError as error:
        raise missing_extra("training", error) from error
    loop = spec.loop.model_copy(update={"keep": "last", "patience": 0})
    config = spec.model_copy(update={"loop": loop})
    with scratch_folder() as scratch:
        trained = train(config, scratch / "run", progress, roles=(training, ()))
        bundle = scratch / spec.name
        export(trained.folder, bundle)
        subject = Subject(name=spec.name, model=str(bundle))
        return list(map_and_compare(subject, windows, spec, folder, progress))
