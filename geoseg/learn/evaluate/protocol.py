"""What is tried on which labelled scenes: a held-out part, each part in turn, few training images."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from geoseg.bundles.find import DESCRIPTION, architecture_of, find_model, write_bundle
from geoseg.errors import UsageError
from geoseg.files.scratch import scratch_folder
from geoseg.learn.evaluate.maps import Verdict, judge
from geoseg.learn.evaluate.score_calibration import Reliability, calibration_error, nothing, temperature
from geoseg.learn.evaluate.subjects import Subject, method_subject
from geoseg.learn.samples import Place, find_samples, places, split
from geoseg.learn.samples.chips import opened_image
from geoseg.learn.samples.splits import part_names
from geoseg.learn.train import missing_extra
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.messages import note
from geoseg.methods.accuracy import Counts, interval, main_score
from geoseg.run_record import Progress
from geoseg.spec import Evidence, Units

LOG = logging.getLogger(__name__)

ROLES = ("test", "val", "train", "all")
"""Parts of a split."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """All verdicts on one subject."""

    subject: Subject
    verdicts: tuple[Verdict, ...]
    parts: Mapping[str, tuple[int, ...]] | None = None
    """Where parts were left out in turn: indices of the verdicts of each."""

    @cached_property
    def counts(self) -> Counts:
        """Pixels over the whole set."""
        return np.asarray(np.sum([verdict.counts for verdict in self.verdicts], axis=0), np.int64)

    @cached_property
    def reliability(self) -> Reliability:
        """Scores over the whole set."""
        return sum((verdict.reliability for verdict in self.verdicts), start=nothing())

    @property
    def score(self) -> float:
        """The main score."""
        return main_score(self.counts)

    @cached_property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the main score over draws of chips."""
        return self.interval_of(range(len(self.verdicts)))

    def score_of(self, chips: Sequence[int]) -> float:
        """Return the main score over some chips, given by their indices."""
        return main_score(np.sum([self.verdicts[index].counts for index in chips], axis=0))

    def interval_of(self, chips: Sequence[int]) -> tuple[float, float]:
        """Return its 95 % interval over draws of these chips."""
        return interval([self.verdicts[index].counts for index in chips])

    @property
    def per_chip(self) -> list[float]:
        """The main score of every chip that has one."""
        found = [main_score(verdict.counts) for verdict in self.verdicts]
        return [value for value in found if not np.isnan(value)]

    @property
    def calibration_error(self) -> float:
        """Expected calibration error."""
        return calibration_error(self.reliability)

    @property
    def temperature(self) -> float:
        """What logits would have to be divided by."""
        return temperature(self.reliability)


def subjects_of(spec: TrainSpec, models: Sequence[str], methods: Sequence[str]) -> tuple[Subject, ...]:
    """Return what is evaluated: models and methods named, and the config's baselines.

    Raises:
        UsageError: a method does not exist.
    """
    wanted = dict.fromkeys((*methods, *spec.baselines))
    own = [Subject(name=Path(model).name, model=model) for model in models]
    return (*own, *(method_subject(text, spec.task) for text in wanted))


def held_out(spec: TrainSpec, on: str) -> tuple[Place, ...]:
    """Return the windows of a role: `test`, `val`, `train`, or `all`.

    Raises:
        UsageError: there is no such role, or the split gives it nothing.
    """
    if on not in ROLES:
        raise UsageError(f"--on {on!r} is none of {', '.join(ROLES)}")
    found = places(find_samples(spec.data), spec.data)
    if on == "all":
        return found
    own = {str(role): own for role, own in split(found, spec.split).items()}[on]
    if not own:
        raise UsageError(f"the split holds nothing out for {on}; say --on val, or --on all")
    return own


def evaluate(
    spec: TrainSpec, subjects: Sequence[Subject], windows: Sequence[Place], folder: Path, progress: Progress
) -> tuple[Result, ...]:
    """Judge subjects on the same windows.

    Raises:
        GeosegError: a scene cannot be mapped.
    """
    found = []
    for index, subject in enumerate(subjects):
        note(LOG, f"{subject.name}")
        verdicts = judge(subject, windows, spec, folder / f"{index}", progress)
        found.append(Result(subject=subject, verdicts=verdicts))
    return tuple(found)


def leave_one_out(spec: TrainSpec, folder: Path, progress: Progress) -> Result:
    """Train once for every part of the split, without it, and judge each network on the part left out.

    Raises:
        RuntimeMissingError: the extra `train` is not installed.
        UsageError: there is only one part.
    """
    everything = places(find_samples(spec.data), spec.data)
    names = part_names(everything, spec.split)
    if len(names) < 2:
        raise UsageError("there is only one part: nothing would be left to train on")
    verdicts: list[Verdict] = []
    parts: dict[str, tuple[int, ...]] = {}
    for name in names:
        alone = spec.split.model_copy(update={"val": (), "test": (name,)})
        dealt = split(everything, alone)
        counts = f"{len(dealt['train'])} windows to train on, {len(dealt['test'])} to judge"
        note(LOG, f"without {name}: {counts}")
        own = _trained_and_judged(spec, dealt["train"], dealt["test"], folder / name, progress)
        parts[name] = tuple(range(len(verdicts), len(verdicts) + len(own)))
        verdicts += own
    subject = Subject(name=f"{spec.name}, trained without the part it is judged on")
    return Result(subject=subject, verdicts=tuple(verdicts), parts=parts)


def few_shots(
    spec: TrainSpec, shots: int, windows: Sequence[Place], folder: Path, progress: Progress
) -> Result:
    """Train on so many windows, drawn by the split's seed, and judge on others.

    Raises:
        RuntimeMissingError: the extra `train` is not installed.
        UsageError: there are fewer windows than shots.
    """
    learn = split(places(find_samples(spec.data), spec.data), spec.split)["train"]
    if shots > len(learn):
        raise UsageError(f"--shots {shots}: there are {len(learn)} windows to train on")
    drawn = np.random.default_rng(spec.split.seed).choice(len(learn), shots, replace=False)
    chosen = [learn[int(index)] for index in sorted(drawn)]
    verdicts = _trained_and_judged(spec, chosen, windows, folder / f"shots-{shots}", progress)
    return Result(subject=Subject(name=f"{spec.name}, {shots} shots"), verdicts=tuple(verdicts))


def _trained_and_judged(
    spec: TrainSpec, learn: Sequence[Place], windows: Sequence[Place], folder: Path, progress: Progress
) -> list[Verdict]:
    """Train, export, map."""
    try:
        from geoseg.learn.train.bundle_export import export  # noqa: PLC0415 - torch, only where a network is trained
        from geoseg.learn.train.training_run import train  # noqa: PLC0415
    except ImportError as error:
        raise missing_extra("training", error) from error
    loop = spec.loop.model_copy(update={"keep": "last", "patience": 0})
    alone = spec.model_copy(update={"loop": loop})
    with scratch_folder() as scratch:
        trained = train(alone, scratch / "run", progress, dealt=(learn, ()))
        bundle = scratch / spec.name
        export(trained.folder, bundle)
        subject = Subject(name=spec.name, model=str(bundle))
        return list(judge(subject, windows, spec, folder, progress))


def evidence(result: Result, rivals: Sequence[Result], data: str, units: Units) -> Evidence:
    """Return what a bundle keeps of its evaluation: its score beside that of the best classical method."""
    counts = [verdict.counts for verdict in result.verdicts]
    best = max(rivals, key=lambda rival: rival.score, default=None)
    return Evidence(
        data=data,
        units=units,
        chips=len(counts),
        score=round(result.score, 4),
        interval=_rounded(result.interval),
        rival=best.subject.name if best else "",
        rival_score=round(best.score, 4) if best else 0.0,
        gain=_rounded(interval(counts, against=[verdict.counts for verdict in best.verdicts]))
        if best
        else (0.0, 0.0),
    )


def _rounded(pair: tuple[float, float]) -> tuple[float, float]:
    return round(pair[0], 4), round(pair[1], 4)


def record(bundle: str, results: Sequence[Result], spec: TrainSpec, said: str) -> None:
    """Write the first result's score, its best rival and its temperature into a bundle.

    Raises:
        UsageError: it is no bundle that can be written to.
    """
    own, rivals = results[0], [result for result in results[1:] if result.subject.model is None]
    model = find_model(bundle)
    if model.source != "bundle":
        raise UsageError(f"{bundle}: is no bundle; --record writes into one")
    first = own.verdicts[0].sample
    with opened_image(first.images[0], spec.data.images[0]) as scene:
        units = scene.units(spec.bands[0].name.rpartition(":")[2])
    proof = evidence(own, rivals, f"{spec.name}: {said}", units)
    # Its own maps were made with its temperature as it is: what was found comes on top.
    before = model.temperature if own.subject.model is not None else 1.0
    found = round(before * own.temperature, 4)
    folder = model.weights.parent
    told = model.model_copy(update={"evidence": proof, "temperature": found})
    write_bundle(folder, told, architecture=architecture_of(model))
    verdict = (
        "flood --method auto will take it" if proof.convinces else "flood --method auto keeps the method"
    )
    note(LOG, f"recorded in {folder / DESCRIPTION}: temperature {found:g}; {verdict}")
