"""Measure the accuracy of methods and networks on labelled scenes, from the maps that the commands make.

    python bench/accuracy.py [--data FOLDER] [--sets NAME,NAME]

Prints a Markdown table: IoU of water or flood over all pixels, 95 % confidence interval by resampling of
scenes, median over scenes. Labelled sets are read from GEOSEG_TEST_DATA (default: ../shared/data next to the
repository). Neighbouring scenes are similar, so that the intervals are too narrow. Guards and fallbacks of
the methods were chosen with these sets. Networks are evaluated on the held-out part only; `flood-sar`,
trained on both radar regions, is evaluated by `geoseg evaluate maps flood-sar --leave-one-out`.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geoseg.learn.evaluate.protocol import evaluate, held_out, subjects_of
from geoseg.learn.train.config import read_config

DATA = Path(os.environ.get("GEOSEG_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
ALIGNED = [
    f"BGD_{name}"
    for name in ("40_119", "45_90", "50_67", "50_83", "52_67", "52_81", "53_80", "59_27", "62_23")
]
"""Bangladesh chips whose label agrees with the image."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A labelled set with the models and methods to evaluate."""

    config: str
    folder: str
    on: str
    models: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    only: tuple[str, ...] = ()


CASES = {
    "water-hls, held out": Case(
        config="water-optical", folder="water-hls", on="val", models=("water-optical",)
    ),
    "water-hls": Case(config="water-optical", folder="water-hls", on="all", methods=("awei-nsh", "awei-sh")),
    "flood-s1, Bangladesh, aligned": Case(
        config="flood-sar", folder="flood-s1", on="all", only=tuple(ALIGNED)
    ),
    "flood-s1": Case(config="flood-sar", folder="flood-s1", on="all"),
    "flood-pair-s1, held out": Case(
        config="flood-sar-pair", folder="flood-pair-s1", on="val", models=("flood-sar-pair",)
    ),
}


def progress(done: int, total: int, unit: str) -> None:
    """Print the number of units when all are done."""
    if done == total:
        print(f"{done} {unit}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy of methods and networks on labelled scenes.")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--sets", default=",".join(CASES))
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    print("| set | scenes | map by | IoU | 95 % interval | median scene |")
    print("|---|---|---|---|---|---|")
    for name, case in CASES.items():
        if name not in options.sets:
            continue
        changes = {"data.only": list(case.only), "data.doubtful": []} if case.only else {}
        spec = read_config(case.config, options.data / case.folder, changes)
        subjects = subjects_of(spec, case.models, case.methods)
        with tempfile.TemporaryDirectory() as scratch:
            for result in evaluate(spec, subjects, held_out(spec, case.on), Path(scratch), progress):
                low, high = result.interval
                print(
                    f"| {name} | {len(result.scenes)} | {result.subject.name} | {result.score:.3f} "
                    f"| {low:.3f}–{high:.3f} | {np.median(result.scene_scores):.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
