"""Measure flood and lasting water of two dates in dB, of which the earlier is simulated.

    python bench/simulated_pairs.py [--data FOLDER] [--chips]

No labelled pairs in dB are at hand. The later date is a chip of `flood-s1`; the earlier one is the same chip
with noise of 1 dB, as if all its water had been there before ("lasting"), or with its water replaced by
pixels of its land ("flood"). Prints a Markdown table by polarisation: IoU, precision, and the share of land
that is mapped as the class, over all pixels of the chips. Intervals (95 %) of the IoU are by resampling of
runs of consecutive chips. No constant of geoseg was chosen with it.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoseg.learn.samples import Sample, find_samples, read_chip, sample_windows
from geoseg.learn.train.config import read_config
from geoseg.methods.accuracy import Counts, class_scores, interval
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.tasks.flood.choose import choose_method, find_candidates
from geoseg.tasks.flood.session import WaterSession

DATA = Path(os.environ.get("GEOSEG_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
Bands = dict[str, NDArray[np.float32]]
Label = NDArray[np.uint8]
NOISE_DB = 1.0
CASES = {"lasting": 2, "flood": 1}
"""Class of the map that the water of the label should have."""
POLARISATIONS = ("auto", "vh", "vv")
PIXEL_M = (10.0, 10.0)
RUNS = 14
"""Runs of consecutive chips that are resampled: neighbours are of one flood."""


def chips(data: Path) -> Iterator[tuple[Sample, Bands, Label]]:
    """Read all chips."""
    spec = read_config("flood-sar", data / "flood-s1", {})
    names = [band.name for band in spec.bands]
    for window in sample_windows(find_samples(spec.data), spec.data):
        chip = read_chip(window, spec.data, names)
        yield window.sample, dict(zip(names, chip.pixels, strict=True)), chip.label


def with_date_before(case: str, bands: Bands, label: Label, rng: np.random.Generator) -> Bands:
    """Add the earlier date."""
    land = np.flatnonzero((label == 0) & np.all([np.isfinite(image) for image in bands.values()], axis=0))
    place = rng.choice(land, np.count_nonzero(label == 1))
    before = {}
    for name, image in bands.items():
        date = image.copy()
        if case == "flood":
            date[label == 1] = image.ravel()[place]
        before[f"before:{name}"] = date + rng.normal(0, NOISE_DB, image.shape).astype(np.float32)
    return {**bands, **before}


def default_map(bands: Bands, polarisation: str) -> tuple[NDArray[np.intp], str]:
    """Return the classes of the default of two dates, and the band that it compares."""
    spec = FloodSpec.model_validate(
        {
            "scene": SceneSpec(paths=("-",)),
            "before": [SceneSpec(paths=("before",))],
            "run": RunSpec(output=Path("-")),
            "polarisation": polarisation,
        }
    )
    found = find_candidates(spec, {name: "db" for name in bands if ":" not in name}, "sar", 1)
    choice = choose_method(spec, found, [np.stack([bands[name] for name in found.bands])], PIXEL_M)
    scores = WaterSession(choice)(np.stack([bands[name] for name in choice.bands])[np.newaxis])[0]
    return scores.argmax(axis=0), choice.measured[0]


def iou(counts: Counts) -> float:
    """Return the IoU of water."""
    return class_scores(counts)[1].iou


def runs_of(chips: Sequence[Counts]) -> list[Counts]:
    """Return the sums of the counts of runs of consecutive chips."""
    return [np.sum(run, axis=0) for run in np.array_split(np.stack(chips), min(RUNS, len(chips)))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--chips", action="store_true", help="numbers of each chip, on standard error")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    counts: dict[tuple[str, str], list[tuple[bool, Counts]]] = {}
    rng = np.random.default_rng(0)
    for sample, bands, label in chips(options.data):
        if not (label == 0).any():
            continue
        wet, land = label == 1, label == 0
        for case, value in CASES.items():
            scene = with_date_before(case, bands, label, rng)
            for polarisation in POLARISATIONS:
                classes, band = default_map(scene, polarisation)
                mapped = classes == value
                # Rows are the label, columns the map; as `Counts`.
                found = np.array(
                    [
                        [np.count_nonzero(part & ~mapped), np.count_nonzero(part & mapped)]
                        for part in (land, wet)
                    ]
                )
                counts.setdefault((case, polarisation), []).append((sample.doubtful, found))
                if options.chips:
                    print(sample.id, case, polarisation, band, *found.ravel(), file=sys.stderr)
    print(
        "| water | chips | `--polarisation` | IoU (interval) | precision | land mapped as it |\n"
        + "|---" * 6
        + "|"
    )
    for (case, polarisation), rows in counts.items():
        for chosen in ([found for doubtful, found in rows if not doubtful], [found for _, found in rows]):
            (land, false), (_, hits) = np.sum(chosen, axis=0)
            low, high = interval(runs_of(chosen), iou)
            cells = (
                *(
                    case,
                    str(len(chosen)),
                    polarisation,
                    f"{iou(np.sum(chosen, axis=0)):.3f} ({low:.3f}–{high:.3f})",
                ),
                *(f"{hits / (hits + false):.2f}", f"{false / (land + false):.2%}"),
            )
            print(f"| {' | '.join(cells)} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
