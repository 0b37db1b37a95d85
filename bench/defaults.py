"""Measure the default command, trivial rivals and other options on the labelled development sets.

    python bench/defaults.py [--data FOLDER] [--only TEXT] [--default-only] [--detail] [--chips FILE]
                             [--worst N --pictures FOLDER]

Prints a Markdown table. The maps of the default and of the options are those that the commands make; trivial
rivals (fixed thresholds of the literature, Otsu's threshold of each scene, everything one class) need no
choice. Scores are IoU of water or flood and F1 of change: over all pixels of a set, and the mean over chips;
for chips without the class, the share of pixels that are mapped as it. Intervals (95 %) are by resampling of
chips, or of runs of consecutive chips where neighbours come from one event. Labelled sets are read from
GEOSEG_TEST_DATA (default: ../shared/data next to the repository); methods and thresholds were chosen with
these sets, so none is an independent test.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image

from geoseg.bundles.find import list_models
from geoseg.learn.evaluate.error_pictures import panels
from geoseg.learn.evaluate.protocol import SubjectAccuracy, evaluate, evaluate_rivals
from geoseg.learn.evaluate.rivals import classical_rivals, trivial_rivals, units_of
from geoseg.learn.evaluate.scene_maps import SceneAccuracy
from geoseg.learn.evaluate.subjects import Subject, method_subject
from geoseg.learn.samples import find_samples, sample_windows
from geoseg.learn.train.config import read_config
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.methods.accuracy import (
    Counts,
    class_scores,
    false_positive_share,
    interval,
    mean_over_chips,
)
from geoseg.run_record import no_progress
from geoseg.tasks.flood.choice import CLASSICAL

DATA = Path(os.environ.get("GEOSEG_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
DEFAULT = Subject(name="default")
FOLDS = 5
COLUMNS = (
    "set",
    "chips",
    "default (interval)",
    "mean over chips",
    "false positives in chips without the class",
    "worst of five folds",
    "best trivial rival: score, mean",
    "default less that (interval)",
    "best option: score, mean",
    "other trivial rivals",
)

CHANGE_OPTIONS = (
    "mad",
    "mad --thresholding chi2",
    "irmad --thresholding chi2",
    "cva --thresholding ki",
    "cva --normalise none",
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A labelled set, and the parts of it that get a row each."""

    config: str
    folder: str
    changes: Mapping[str, object] = field(default_factory=dict)
    views: Mapping[str, Callable[[SceneAccuracy], bool]] = field(default_factory=lambda: {"": lambda _: True})
    """Whether a scene belongs to a row, by the title of the row."""
    prepare: Callable[[Path, Path], Mapping[str, object]] | None = None
    """Writes labels to a scratch folder, from the data folder; returns further changes of the config."""
    options: tuple[str, ...] = ()
    """Options beside the methods: method and options as on the command line."""
    runs: int = 0
    """Number of runs of consecutive chips that are resampled in place of chips; 0: chips."""


def taizhou(data: Path, scratch: Path) -> Mapping[str, object]:
    """Join the partial labels of the Landsat pair; 0 is not labelled."""
    folder = data / "change-landsat" / "Taizhou"
    planes = []
    for name in ("change.bmp", "unchanged.bmp"):
        with rasterio.open(folder / name) as dataset:
            planes.append(dataset.read(1) > 0)
    label = np.where(planes[0], 2, np.where(planes[1], 1, 0)).astype(np.uint8)
    write_band(scratch / "label.tif", label)
    row = {"id": "Taizhou", "image": folder / "2000TM", "image:after": folder / "2003TM"}
    return _table(scratch, {**row, "label": scratch / "label.tif"})


def sar_dem(data: Path, scratch: Path) -> Mapping[str, object]:
    """Use the greatest extent of water of 1984 to 2021 as label, though not of the day of the scene."""
    folder = data / "sar-dem"
    with rasterio.open(folder / "jrc_extent" / "ayt12.tif") as dataset:
        write_band(scratch / "label.tif", np.where(dataset.read(1) == 1, 2, 1).astype(np.uint8))
    row = {"id": "ayt12", "image": folder / "test_features", "label": scratch / "label.tif"}
    return _table(scratch, row)


def write_band(path: Path, values: NDArray[np.uint8]) -> None:
    """Write a label (H, W) without georeference, which then has the grid of its image."""
    height, width = values.shape
    with rasterio.open(path, "w", width=width, height=height, count=1, dtype="uint8") as dataset:
        dataset.write(values, 1)


def _table(scratch: Path, row: Mapping[str, object]) -> Mapping[str, object]:
    path = scratch / "pairs.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    return {"data.table": str(path)}


CASES = {
    "water-hls": Case(
        config="water-optical",
        folder="water-hls",
        options=("mndwi --threshold -0.1", "mndwi --threshold -0.2"),
        runs=10,
    ),
    "flood-s1": Case(
        config="flood-sar",
        folder="flood-s1",
        views={
            "Bangladesh, aligned": lambda s: s.sample.region == "bangladesh" and not s.sample.doubtful,
            "Bangladesh, all": lambda s: s.sample.region == "bangladesh",
            "Carolina, aligned": lambda s: s.sample.region != "bangladesh" and not s.sample.doubtful,
            "Carolina, all": lambda s: s.sample.region != "bangladesh",
        },
        options=("sar-vh --threshold -20 --speckle boxcar", "sar-vh --thresholding otsu"),
    ),
    "sar-dem": Case(
        config="flood-sar",
        folder="sar-dem",
        changes={"data.doubtful": []},
        prepare=sar_dem,
    ),
    "flood-pair-s1": Case(config="flood-sar-pair", folder="flood-pair-s1", runs=26),
    "change-s2": Case(config="change-s2", folder="change-s2", options=CHANGE_OPTIONS),
    "Taizhou": Case(
        config="change-s2",
        folder="change-landsat",
        changes={"data.labels.codes": {1: 0, 2: 1}, "data.labels.ignore": [0]},
        prepare=taizhou,
        options=CHANGE_OPTIONS,
    ),
}


def score(counts: Counts, task: str) -> float:
    """Return the IoU of the class, or the F1 score of change."""
    found = class_scores(counts)[1]
    return found.f1 if task == "change" else found.iou


@dataclass(frozen=True, kw_only=True)
class Row:
    """The numbers of one subject on one set."""

    name: str
    scenes: Sequence[SceneAccuracy]
    task: str
    runs: Sequence[int]
    """Run of consecutive scenes that each scene belongs to; runs are resampled."""

    @property
    def micro(self) -> float:
        """Score over all pixels."""
        return score(np.sum([scene.counts for scene in self.scenes], axis=0), self.task)

    @property
    def mean(self) -> float:
        """Mean score of the chips for which it is defined."""
        return mean_over_chips([scene.counts for scene in self.scenes], lambda c: score(c, self.task))

    @property
    def dry(self) -> float:
        """Share of false positives in chips whose label lacks the class; NaN where there are none."""
        return false_positive_share([scene.counts for scene in self.scenes])

    def sums(self) -> list[Counts]:
        """Return the error matrix of each run."""
        return [self.sum_of({run}) for run in dict.fromkeys(self.runs)]

    def sum_of(self, runs: Collection[int]) -> Counts:
        """Return the error matrix of some runs."""
        pairs = zip(self.scenes, self.runs, strict=True)
        return np.asarray(np.sum([scene.counts for scene, run in pairs if run in runs], axis=0), np.int64)

    def worst_fold(self, runs: int) -> float:
        """Return the lowest score of the folds of consecutive runs."""
        folds = [[run for run in range(runs) if run * FOLDS // runs == fold] for fold in range(FOLDS)]
        return min(score(self.sum_of(fold), self.task) for fold in folds if fold)

    def interval(self, other: Row | None = None) -> tuple[float, float]:
        """Return the interval of the score over all pixels, or of its difference to another subject."""
        against = other.sums() if other else ()
        return interval(self.sums(), lambda counts: score(counts, self.task), against=against)


def measure(name: str, case: Case, options: argparse.Namespace) -> None:
    """Map a set with the default, the rivals and the options, and print its rows."""
    with tempfile.TemporaryDirectory(prefix="geoseg-bench-") as folder:
        scratch = Path(folder)
        changes = {**case.changes, **(case.prepare(options.data, scratch) if case.prepare else {})}
        spec = read_config(case.config, options.data / case.folder, changes)
        windows = sample_windows(find_samples(spec.data), spec.data)
        units = units_of(spec, windows[0].sample)
        trivial = trivial_rivals(spec, units)
        others: list[Subject] = []
        if not options.default_only:
            # Without a network as default, the default is `classical`.
            same = {CLASSICAL} if not default_networks(spec.task) else set()
            others += [rival for rival in classical_rivals(spec, units) if rival.name not in same]
            others += [method_subject(text, spec.task) for text in case.options]
        results = (
            *evaluate(spec, [DEFAULT], windows, scratch / "default", no_progress),
            *evaluate_rivals(spec, [*trivial, *others], windows, scratch / "rivals", no_progress),
        )
        ids = list(dict.fromkeys(window.sample.id for window in windows))
        runs = {key: index * (case.runs or len(ids)) // len(ids) for index, key in enumerate(ids)}
        for title, chosen in case.views.items():
            rows = [_row(result, chosen, spec.task, runs) for result in results]
            label = ", ".join(filter(None, (name, title)))
            print("| " + " | ".join(_cells(label, rows, len(trivial), case)) + " |", flush=True)
            if options.detail:
                for row in rows:
                    print(f"    {label}: {_numbers(row)}", file=sys.stderr)
            if options.chips:
                write_chips(options.chips, label, rows)
            if options.pictures:
                draw(label, rows[0], spec, options.pictures, options.worst)


def _row(
    result: SubjectAccuracy, chosen: Callable[[SceneAccuracy], bool], task: str, runs: Mapping[str, int]
) -> Row:
    kept = [scene for scene in result.scenes if chosen(scene)]
    return Row(
        name=result.subject.name, scenes=kept, task=task, runs=[runs[scene.sample.id] for scene in kept]
    )


def _numbers(row: Row) -> str:
    low, high = row.interval()
    dry = "" if np.isnan(row.dry) else f", dry {row.dry:.2%}"
    return f"{row.name} {row.micro:.3f} ({low:.3f}–{high:.3f}), mean {row.mean:.3f}{dry}"


def _cells(label: str, rows: Sequence[Row], trivial: int, case: Case) -> list[str]:
    """Return the cells of a set; `rows` are the default, the trivial rivals and the other options."""
    default, rivals, rest = rows[0], rows[1 : 1 + trivial], rows[1 + trivial :]
    low, high = default.interval()
    best = max(rivals, key=lambda row: row.micro)
    gain, (less, more) = default.micro - best.micro, default.interval(best)
    option = max(rest, key=lambda row: row.micro, default=None)
    return [
        label,
        f"{len(default.scenes)}",
        f"{default.micro:.3f} ({low:.3f}–{high:.3f})",
        f"{default.mean:.3f}",
        "" if np.isnan(default.dry) else f"{default.dry:.2%}",
        f"{default.worst_fold(case.runs):.3f}" if case.runs else "",
        f"{best.name}: {best.micro:.3f}, {best.mean:.3f}",
        f"{gain:+.3f} ({less:+.3f} to {more:+.3f})",
        f"{option.name}: {option.micro:.3f}, {option.mean:.3f}" if option else "",
        "; ".join(f"{row.name}: {row.micro:.3f}" for row in rivals if row is not best),
    ]


def write_chips(path: Path, label: str, rows: Sequence[Row]) -> None:
    """Append the score and the number of wrong pixels of each chip to a CSV file."""
    with path.open("a", newline="") as file:
        for row in rows:
            for scene in row.scenes:
                wrong = int(scene.counts.sum() - np.trace(scene.counts))
                value = f"{score(scene.counts, row.task):.4f}"
                csv.writer(file).writerow([label, row.name, scene.sample.id, value, wrong])


def draw(label: str, row: Row, spec: TrainSpec, folder: Path, worst: int) -> None:
    """Write pictures of the worst chips, among equal scores those with the most wrong pixels."""

    def badness(scene: SceneAccuracy) -> tuple[float, int]:
        return score(scene.counts, spec.task), -int(scene.counts.sum() - np.trace(scene.counts))

    known = [scene for scene in row.scenes if not np.isnan(badness(scene)[0])]
    folder.mkdir(parents=True, exist_ok=True)
    for rank, scene in enumerate(sorted(known, key=badness)[:worst], start=1):
        picture = panels(scene, spec)
        zoom = max(1, 384 // picture.shape[0])
        image = Image.fromarray(picture.repeat(zoom, axis=0).repeat(zoom, axis=1))
        name = f"{label.replace(', ', '-').replace(' ', '-')}-{rank}-{scene.sample.id}.png"
        image.save(folder / name)
        value, wrong = badness(scene)
        print(f"    {name}: {value:.3f}, {-wrong} wrong pixels", file=sys.stderr)


def default_networks(task: str) -> list[str]:
    """Return the networks that the command of a task may choose by itself."""
    return [model.name for model in list_models() if model.task == task and not model.objection]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", default="", help="sets whose name contains this text")
    parser.add_argument("--default-only", action="store_true", help="default and trivial rivals only")
    parser.add_argument("--detail", action="store_true", help="all numbers of all maps, on standard error")
    parser.add_argument("--chips", type=Path, help="CSV file for the scores of all chips; lines are appended")
    parser.add_argument("--worst", type=int, default=3, help="number of pictures of each set")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the worst chips")
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"{options.data} does not exist; give the labelled sets with --data", file=sys.stderr)
        return 3
    for name in default_networks("flood"):
        print(f"{name} is a default: do not read its scores on chips it was trained on", file=sys.stderr)
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|", flush=True)
    for name, case in CASES.items():
        if options.only in name:
            measure(name, case, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
