"""Measure thresholds from a sample of a scene beside thresholds from all of its pixels.

    python bench/threshold_samples.py [--data FOLDER] [--draws 20]

The labelled chips of a set stand for the parts of one large scene: of each flood of `flood-s1`, and of
`water-hls`. All chips give one threshold, as a histogram of the whole scene does; each draw of as many chips
as the command reads blocks gives another, as a sample of the scene does. Both map all chips. Then each chip
has a threshold of its own, by the method of all chips (as by `--thresholding tiles`, whose tiles are larger),
and by the method that it has as a scene. Water indices have fixed thresholds by default; their rows are of
`--thresholding`. Intervals (95 %) of the gain of own thresholds are by resampling of chips.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from geoseg.learn.samples import find_samples, read_chip, sample_windows
from geoseg.learn.train.config import read_config
from geoseg.methods.accuracy import Counts, class_scores, count, interval
from geoseg.scenes.threshold_sample import SAMPLES
from geoseg.spec import FloodSpec, Units
from geoseg.spec.request import from_options
from geoseg.tasks.flood.choice import WaterChoice
from geoseg.tasks.flood.choose import choose_method, find_candidates
from geoseg.tasks.flood.session import WaterSession

DATA = Path(os.environ.get("GEOSEG_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))

Pixels = NDArray[np.float32]
"""(C, H, W) physical values; NaN where not observed."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A set whose chips stand for one scene, and how it is mapped."""

    name: str
    config: str
    folder: str
    region: str = ""
    """Chips of one flood; empty: all."""
    bands: tuple[str, ...]
    units: Units
    method: str = "auto"
    thresholding: str = "auto"


RADAR = ("vv", "vh")
OPTICAL = ("green", "swir16", "nir")
CASES = (
    Case(
        name="Bangladesh", config="flood-sar", folder="flood-s1", region="bangladesh", bands=RADAR, units="db"
    ),
    Case(
        name="Carolina", config="flood-sar", folder="flood-s1", region="us-carolina", bands=RADAR, units="db"
    ),
    *(
        Case(
            name=f"water-hls, mndwi --thresholding {name}",
            config="water-optical",
            folder="water-hls",
            bands=OPTICAL,
            units="reflectance",
            method="mndwi",
            thresholding=name,
        )
        for name in ("otsu", "ki", "hsba")
    ),
)


def chips_of(case: Case, data: Path) -> tuple[list[Pixels], list[NDArray[np.uint8]]]:
    """Read pixels and labels of the chips of a case."""
    spec = read_config(case.config, data / case.folder, {})
    places = [
        place
        for place in sample_windows(find_samples(spec.data), spec.data)
        if case.region in {"", place.sample.region}
    ]
    chips = [read_chip(place, spec.data, case.bands) for place in places]
    return [chip.pixels for chip in chips], [chip.label for chip in chips]


def chooser(case: Case, method: str) -> Callable[[Sequence[Pixels]], WaterChoice]:
    """Return the choice of method and threshold by blocks of a scene, as the command makes it."""
    options = {
        "scene": ["scene.tif"],
        "output": "map.gpkg",
        "method": method,
        "thresholding": case.thresholding,
    }
    spec = from_options(FloodSpec, options)
    kind = "sar" if case.units == "db" else "optical"
    candidates = find_candidates(spec, dict.fromkeys(case.bands, case.units), kind, 0)
    order = [case.bands.index(band) for band in candidates.bands]
    return lambda blocks: choose_method(spec, candidates, [block[order] for block in blocks])


def compare(choice: WaterChoice, case: Case, pixels: Pixels, label: NDArray[np.uint8]) -> Counts:
    """Return the error matrix of the map of a chip."""
    order = [case.bands.index(band) for band in choice.bands]
    scores = WaterSession(choice)(pixels[order][np.newaxis])[0, 0]
    water = scores > 0.5
    if choice.seed is not None:
        labels, regions = ndimage.label(water)
        highest = ndimage.maximum(scores, labels, np.arange(regions + 1))
        water &= np.asarray(highest)[labels] >= choice.seed
    return count(label, water.astype(np.uint8), 2)


def measure(case: Case, data: Path, draws: int) -> None:
    """Print the row of a case."""
    chips, labels = chips_of(case, data)
    choose = chooser(case, case.method)

    def counts(choices: Sequence[WaterChoice]) -> list[Counts]:
        return [compare(*item) for item in zip(choices, [case] * len(chips), chips, labels, strict=True)]

    whole = choose(chips)
    by_whole = counts([whole] * len(chips))
    random = np.random.default_rng(0)
    sampled = [
        choose([chips[index] for index in random.integers(0, len(chips), SAMPLES)]) for _ in range(draws)
    ]
    scores = [iou(counts([choice] * len(chips))) for choice in sampled]
    thresholds = [choice.threshold for choice in sampled]
    same = chooser(case, whole.method.name)
    by_tile = counts([same([chip]) for chip in chips])
    low, high = interval(by_tile, against=by_whole)
    figures = (
        f"{len(chips)}",
        f"{whole.method.name} {whole.threshold:.3g}: {iou(by_whole):.3f}",
        f"{np.mean(thresholds):.3g} ± {np.std(thresholds):.2g}",
        f"{np.mean(scores):.3f} ({min(scores):.3f}–{max(scores):.3f})",
        f"{iou(by_tile):.3f} ({low:+.3f} to {high:+.3f})",
        f"{iou(counts([choose([chip]) for chip in chips])):.3f}",
    )
    print(f"| {case.name} | " + " | ".join(figures) + " |", flush=True)


def iou(counts: Sequence[Counts]) -> float:
    """Return the IoU of water over error matrices."""
    return class_scores(np.sum(counts, axis=0))[1].iou


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--draws", type=int, default=20)
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"{options.data} does not exist; give the labelled sets with --data", file=sys.stderr)
        return 3
    logging.disable(logging.WARNING)
    columns = (
        "scene",
        "chips",
        "threshold of all: IoU",
        f"of {SAMPLES} blocks",
        "IoU (range of draws)",
        "own threshold of each chip: IoU (gain)",
        "own threshold and method",
    )
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for case in CASES:
        measure(case, options.data, options.draws)
    return 0


if __name__ == "__main__":
    sys.exit(main())
