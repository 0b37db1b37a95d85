"""Measure the default command and trivial rivals on changed copies of the labelled development sets.

    python bench/stress.py [--data FOLDER] [--only TEXT] [--chips FILE]

Each change stands for scenes that the sets lack: other pixel sizes, calibrations, water shares, speckle,
incidence angles, nodata at the edge, path reflectance, one polarisation. Prints a Markdown table: IoU over
all pixels of the default and the best trivial rule, and the interval (95 %, by resampling of runs of
consecutive chips, of radar scenes by resampling of chips) of their difference; for chips without water, false
positives. Labels change with their image; a change of values leaves them as they are.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geoseg.learn.samples import find_samples, read_chip, sample_windows
from geoseg.learn.train.config import read_config
from geoseg.methods.accuracy import Counts, class_scores, count, false_positive_share, interval
from geoseg.methods.sar import to_db, to_power
from geoseg.methods.trivial_rules import NOT_OBSERVED, water_rules
from geoseg.spec import FloodSpec, RunSpec, SceneSpec, Units
from geoseg.tasks.flood.choose import choose_method, find_candidates
from geoseg.tasks.flood.session import WaterSession

DATA = Path(os.environ.get("GEOSEG_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
Image = NDArray[np.float32]
Bands = dict[str, Image]
Label = NDArray[np.uint8]
Change = Callable[[Bands, Label], tuple[Bands, Label] | None]
"""Changes a chip; None: the chip is left out."""
IGNORE = 255


@dataclass(frozen=True, kw_only=True)
class Set:
    """A labelled set, its units, and the changes of its chips."""

    config: str
    folder: str
    units: Units
    runs: int
    changes: Mapping[str, Change]


def same(bands: Bands, label: Label) -> tuple[Bands, Label]:
    """Leave a chip as it is."""
    return bands, label


def values(change: Callable[[str, Image], Image]) -> Change:
    """Change the values of each band."""
    return lambda bands, label: ({name: change(name, image) for name, image in bands.items()}, label)


def coarser(factor: int, *, power: bool = False) -> Change:
    """Average squares of pixels; a label of a square is that of most of its pixels."""

    def apply(bands: Bands, label: Label) -> tuple[Bands, Label]:
        height, width = (size // factor * factor for size in label.shape)

        def squares(image: NDArray[np.floating]) -> NDArray[np.floating]:
            cut = image[:height, :width]
            return cut.reshape(height // factor, factor, width // factor, factor).mean(axis=(1, 3))

        small = {}
        for name, image in bands.items():
            mean = squares(to_power(image) if power else image).astype(np.float32)
            small[name] = to_db(mean) if power else mean
        known = squares((label != IGNORE).astype(np.float32)) == 1
        wet = squares((label == 1).astype(np.float32)) >= 0.5
        return small, np.where(known, wet, IGNORE).astype(np.uint8)

    return apply


def finer(factor: int) -> Change:
    """Interpolate bands to smaller pixels."""

    def apply(bands: Bands, label: Label) -> tuple[Bands, Label]:
        zoomed = {
            name: ndimage.zoom(image, factor, order=1, grid_mode=True, mode="nearest")
            for name, image in bands.items()
        }
        return zoomed, label.repeat(factor, axis=0).repeat(factor, axis=1)

    return apply


def crop(low: float, high: float, side: int) -> Change:
    """Take the square of a chip whose water share lies in a range, and is nearest to its middle."""

    def apply(bands: Bands, label: Label) -> tuple[Bands, Label] | None:
        best = None
        for row, col in itertools.product(
            *(range(0, size - side + 1, max(side // 2, 1)) for size in label.shape)
        ):
            part = label[row : row + side, col : col + side]
            known = part != IGNORE
            if known.mean() < 0.9:
                continue
            share = float((part == 1).sum() / known.sum())
            gap = abs(share - (low + high) / 2)
            if low <= share <= high and (best is None or gap < best[0]):
                best = (gap, row, col)
        if best is None:
            return None
        _, row, col = best
        cut = (slice(row, row + side), slice(col, col + side))
        return {name: image[cut].copy() for name, image in bands.items()}, label[cut].copy()

    return apply


def border(width: int) -> Change:
    """Remove the pixels of a slanted edge, as of a swath."""

    def apply(bands: Bands, label: Label) -> tuple[Bands, Label]:
        rows, cols = np.mgrid[: label.shape[0], : label.shape[1]]
        gone = cols < width + rows // 4
        cut = {name: np.where(gone, np.float32(np.nan), image) for name, image in bands.items()}
        return cut, np.where(gone, IGNORE, label).astype(np.uint8)

    return apply


def only(*names: str) -> Change:
    """Keep some bands."""
    return lambda bands, label: ({name: bands[name] for name in names}, label)


PATH = {"blue": 0.06, "green": 0.03, "red": 0.018, "nir": 0.008, "swir16": 0.001, "swir22": 0.001}
"""Path reflectance of a hazy day."""

OPTICAL: dict[str, Change] = {
    "as they are": same,
    "10 m, interpolated": finer(3),
    "60 m": coarser(2),
    "reflectance × 0.9": values(lambda _, x: x * np.float32(0.9)),
    "reflectance × 1.1": values(lambda _, x: x * np.float32(1.1)),
    "reflectance + 0.01": values(lambda _, x: x + np.float32(0.01)),
    "reflectance − 0.01": values(lambda _, x: x - np.float32(0.01)),
    "path reflectance": values(lambda name, x: x + np.float32(PATH[name])),
    "noise 0.01": values(
        lambda name, x: x + np.random.default_rng(len(name)).normal(0, 0.01, x.shape).astype(np.float32)
    ),
    "nodata at the edge": border(16),
    "64² with least water": crop(0.0, 0.05, 64),
    "64², 5–15 % water": crop(0.05, 0.15, 64),
    "64², 40–60 % water": crop(0.4, 0.6, 64),
    "64² of water alone": crop(0.97, 1.0, 64),
    "32² of water alone": crop(0.99, 1.0, 32),
    "without SWIR": only("blue", "green", "red", "nir"),
    "without the second SWIR": only("blue", "green", "red", "nir", "swir16"),
}

RADAR: dict[str, Change] = {
    "as they are": same,
    "20 m": coarser(2, power=True),
    "30 m": coarser(3, power=True),
    "dB + 1": values(lambda _, x: x + np.float32(1)),
    "dB − 1": values(lambda _, x: x - np.float32(1)),
    "dB + 2": values(lambda _, x: x + np.float32(2)),
    "dB − 2": values(lambda _, x: x - np.float32(2)),
    "ramp of 4 dB": values(lambda _, x: x + np.linspace(-2, 2, x.shape[1], dtype=np.float32)),
    "further speckle of 4 looks": values(
        lambda name, x: (
            x + to_db(np.random.default_rng(sum(name.encode())).gamma(4, 0.25, x.shape).astype(np.float32))
        )
    ),
    "noise of −24 dB in VH": values(
        lambda name, x: to_db(to_power(x) + np.float32(10**-2.4)) if name == "vh" else x
    ),
    "VV alone": only("vv"),
    "VH alone": only("vh"),
    "nodata at the edge": border(40),
    "128² with least water": crop(0.0, 0.05, 128),
    "128², 5–15 % water": crop(0.05, 0.15, 128),
    "128², 40–60 % water": crop(0.4, 0.6, 128),
    "128², over 80 % water": crop(0.8, 1.0, 128),
    "64² of water alone": crop(0.97, 1.0, 64),
}


def pair_values(change: Callable[[Image], Image], *dates: str) -> Change:
    """Change the stored 8-bit values of dates; 0 and 255 stay, and no other value becomes one of them."""

    def of(name: str, image: Image) -> Image:
        if name not in dates:
            return image
        inside = np.clip(np.round(change(image)), 1, 254).astype(np.float32)
        return np.where((image > 0) & (image < 255), inside, image)

    return values(of)


PAIRS: dict[str, Change] = {
    "as they are": same,
    "half the contrast": pair_values(lambda x: x / 2 + 64, "vv", "before:vv"),
    "later date half as bright": pair_values(lambda x: x / 2, "vv"),
    "gamma 0.7": pair_values(lambda x: 255 * (x / 255) ** np.float32(0.7), "vv", "before:vv"),
    "gamma 1.4": pair_values(lambda x: 255 * (x / 255) ** np.float32(1.4), "vv", "before:vv"),
    "20 m": coarser(2),
    "nodata at the edge": border(40),
    "128², under 5 % flood": crop(0.001, 0.05, 128),
    "128², 5–15 % flood": crop(0.05, 0.15, 128),
    "128², 15–30 % flood": crop(0.15, 0.3, 128),
    "128², 40–60 % flood": crop(0.4, 0.6, 128),
    "128², 60–80 % flood": crop(0.6, 0.8, 128),
    "128², over 80 % flood": crop(0.8, 0.97, 128),
}

SETS = {
    "water-hls": Set(
        config="water-optical", folder="water-hls", units="reflectance", runs=10, changes=OPTICAL
    ),
    "flood-s1": Set(config="flood-sar", folder="flood-s1", units="db", runs=0, changes=RADAR),
    "flood-pair-s1": Set(config="flood-sar-pair", folder="flood-pair-s1", units="dn", runs=26, changes=PAIRS),
}


def chips(case: Set, data: Path) -> Iterator[tuple[str, Bands, Label]]:
    """Read the chips of a set that are not doubtful."""
    spec = read_config(case.config, data / case.folder, {})
    names = [band.name for band in spec.bands]
    for window in sample_windows(find_samples(spec.data), spec.data):
        if window.sample.doubtful:
            continue
        chip = read_chip(window, spec.data, names)
        pixels = dict(zip(names, chip.pixels, strict=True))
        if case.units == "dn":
            # Fill, which the commands leave out by their own rule.
            seen = np.all([(image > 0) & (image < 255) for image in chip.pixels], axis=0)
            yield chip.place.sample.id, pixels, np.where(seen, chip.label, IGNORE).astype(np.uint8)
        else:
            yield chip.place.sample.id, pixels, chip.label


def default_map(bands: Bands, units: Units, pixel_m: float) -> NDArray[np.uint8]:
    """Map a chip as the command does without options: 1 water or flood, 255 not observed."""
    spec = FloodSpec(scene=SceneSpec(paths=("-",)), run=RunSpec(output=Path("-")))
    own = {name: units for name in bands if ":" not in name}
    before = int(len(own) < len(bands))
    kind = "optical" if units == "reflectance" else "sar"
    found = find_candidates(spec, own, kind, before)
    block = np.stack([bands[name] for name in found.bands])
    choice = choose_method(spec, found, [block], (pixel_m, pixel_m))
    scores = WaterSession(choice)(np.stack([bands[name] for name in choice.bands])[np.newaxis])[0]
    water = scores[1 if choice.three_classes else 0] > 0.5
    if choice.seed:
        regions, number = ndimage.label(water)
        peaks = ndimage.maximum(scores[0], regions, np.arange(number + 1))
        water &= np.asarray(peaks)[regions] >= choice.seed
    observed = np.all([np.isfinite(bands[name]) for name in choice.measured], axis=0)
    return np.where(observed, water, NOT_OBSERVED).astype(np.uint8)


def measure(name: str, case: Set, options: argparse.Namespace) -> None:
    """Print a row for each change of a set."""
    read = list(chips(case, options.data))
    for title, change in case.changes.items():
        counts: dict[str, list[Counts]] = {}
        runs: list[int] = []
        for index, (key, bands, label) in enumerate(read):
            changed = change(bands, label)
            if changed is None:
                continue
            pixels, truth = changed
            runs.append(index * case.runs // len(read) if case.runs else index)
            rules = water_rules(pixels, db=case.units == "db")
            maps = {"default": default_map(pixels, case.units, 30.0 if case.units == "reflectance" else 10.0)}
            maps |= {rule.name: rule.classes(pixels) for rule in rules}
            for subject, mapped in maps.items():
                counts.setdefault(subject, []).append(count(truth, mapped, 2))
                if options.chips:
                    with options.chips.open("a", newline="") as file:
                        row = counts[subject][-1].ravel().tolist()
                        csv.writer(file).writerow([name, title, subject, key, *row])
        if runs:
            print(_row(f"{name}: {title}", counts, runs), flush=True)


def _row(title: str, counts: Mapping[str, Sequence[Counts]], runs: Sequence[int]) -> str:
    """Return the row of a change: the default, the best trivial rule, and their difference."""

    def iou(error: Counts) -> float:
        return class_scores(error)[1].iou

    def sums(subject: str) -> list[Counts]:
        pairs = list(zip(counts[subject], runs, strict=True))
        return [
            np.asarray(np.sum([item for item, own in pairs if own == run], axis=0), np.int64)
            for run in dict.fromkeys(runs)
        ]

    scores = {subject: iou(np.asarray(np.sum(items, axis=0))) for subject, items in counts.items()}
    best = max((subject for subject in scores if subject != "default"), key=lambda subject: scores[subject])
    low, high = interval(sums("default"), iou, against=sums(best))
    dry, rival = (false_positive_share(counts[subject]) for subject in ("default", best))
    cells = [
        title,
        str(len(runs)),
        f"{scores['default']:.3f}",
        f"{best}: {scores[best]:.3f}",
        f"{scores['default'] - scores[best]:+.3f} ({low:+.3f} to {high:+.3f})",
        "" if np.isnan(dry) else f"{dry:.2%}, {rival:.2%}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--only", default="", help="sets whose name contains this text")
    parser.add_argument("--chips", type=Path, help="CSV file for the error matrices; lines are appended")
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"{options.data} does not exist; give the labelled sets with --data", file=sys.stderr)
        return 3
    logging.disable(logging.WARNING)
    columns = ("chips and change", "chips", "default", "best trivial rule", "difference", "false water, dry")
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for name, case in SETS.items():
        if options.only in name:
            measure(name, case, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
