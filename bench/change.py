"""Measure the accuracy of classical change detection on labelled pixels, from maps that the command makes.

    python bench/change.py [--data FOLDER]

Prints Markdown tables: F1, IoU and Cohen's kappa of change on the labelled pixels of the Landsat pair of
Taizhou (partial labels), and F1 and IoU per city and over all pixels of the Sentinel-2 pairs of OSCD, whose
labels have urban change only: seasons and harvest count as false alarms there. Networks are evaluated by
`geoseg evaluate maps change-s2 --leave-one-out`. Data are read from GEOSEG_TEST_DATA (default:
../shared/data next to the repository). The defaults of the methods were chosen with these cities.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from geoseg.change.change_map import map_change
from geoseg.spec import ChangeSpec, RunSpec, SceneSpec

DATA = Path(os.environ.get("GEOSEG_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
METHODS: dict[str, dict[str, object]] = {
    "auto": {},
    "auto, coregistered": {"coregister": True},
    "mad": {"method": "mad"},
    "mad, chi-square 0.001": {"method": "mad", "thresholding": "chi2"},
    "irmad": {"method": "irmad"},
    "irmad, chi-square 0.001": {"method": "irmad", "thresholding": "chi2"},
    "irmad, chi-square 0.01": {"method": "irmad", "thresholding": "chi2", "alpha": 0.01},
    "cva": {"method": "cva"},
    "cva, minimum error": {"method": "cva", "thresholding": "ki"},
    "cva, raw radiometry": {"method": "cva", "normalise": "none"},
    "ndvi": {"method": "ndvi"},
}


@dataclass(frozen=True, kw_only=True)
class Score:
    """Numbers of pixels by map and label: detected, omitted, false alarms, and neither."""

    hits: int
    misses: int
    alarms: int
    rest: int

    def __add__(self, other: Score) -> Score:
        return Score(
            hits=self.hits + other.hits,
            misses=self.misses + other.misses,
            alarms=self.alarms + other.alarms,
            rest=self.rest + other.rest,
        )

    @property
    def f1(self) -> float:
        """2 hits / (2 hits + misses + alarms)."""
        return 2 * self.hits / max(2 * self.hits + self.misses + self.alarms, 1)

    @property
    def iou(self) -> float:
        """Hits / (hits + misses + alarms)."""
        return self.hits / max(self.hits + self.misses + self.alarms, 1)

    @property
    def kappa(self) -> float:
        """Cohen's kappa, the agreement beyond chance."""
        total = self.hits + self.misses + self.alarms + self.rest
        agreement = (self.hits + self.rest) / total
        changed = (self.hits + self.misses) * (self.hits + self.alarms) / total**2
        same = (self.rest + self.alarms) * (self.rest + self.misses) / total**2
        return (agreement - changed - same) / (1 - changed - same)


def measure(
    before: Path, after: Path, options: dict[str, object], label: NDArray[np.bool_], known: NDArray[np.bool_]
) -> Score:
    """Map a pair, and compare the map with the label where the label is known."""
    with tempfile.TemporaryDirectory(prefix="geoseg-bench-") as folder:
        raster = Path(folder) / "map.tif"
        spec = ChangeSpec.model_validate(
            {
                "before": SceneSpec(paths=(str(before),)),
                "after": SceneSpec(paths=(str(after),)),
                "run": RunSpec(output=Path(folder) / "map.gpkg", raster=raster),
                **options,
            }
        )
        map_change(spec)
        with rasterio.open(raster) as dataset:
            mapped = dataset.read(1)
            known = known & (dataset.read_masks(1) > 0)
    detected = (mapped > 0) & known
    return Score(
        hits=int((detected & label).sum()),
        misses=int((~detected & label & known).sum()),
        alarms=int((detected & ~label).sum()),
        rest=int((~detected & ~label & known).sum()),
    )


def taizhou(folder: Path) -> None:
    """Print the table of the Landsat pair."""
    with rasterio.open(folder / "change.bmp") as dataset:
        label = dataset.read(1) > 0
    with rasterio.open(folder / "unchanged.bmp") as dataset:
        known = (dataset.read(1) > 0) | label
    print(
        f"\nTaizhou, Landsat 2000 and 2003: {int(known.sum()):,} labelled pixels, "
        f"{label.sum() / known.sum():.0%} changed\n"
    )
    print("| method | kappa | F1 | IoU |\n|---|---|---|---|")
    for name, options in METHODS.items():
        score = measure(folder / "2000TM", folder / "2003TM", options, label, known)
        print(f"| {name} | {score.kappa:.3f} | {score.f1:.3f} | {score.iou:.3f} |", flush=True)


def cities(folder: Path) -> None:
    """Print the table of the Sentinel-2 pairs."""
    names = sorted(item.name for item in folder.iterdir() if (item / "label.tif").is_file())
    print(f"\nOSCD, {len(names)} cities: F1 of urban change\n")
    print("| method | all pixels: F1 | IoU | mean city | " + " | ".join(names) + " |")
    print("|" + "---|" * (4 + len(names)))
    for name, options in METHODS.items():
        scores = []
        for city in names:
            with rasterio.open(folder / city / "label.tif") as dataset:
                label = dataset.read(1) == 2
            known = np.ones(label.shape, np.bool_)
            scores.append(measure(folder / city / "before", folder / city / "after", options, label, known))
        total = sum(scores[1:], scores[0])
        mean = float(np.mean([score.f1 for score in scores]))
        columns = " | ".join(f"{score.f1:.2f}" for score in scores)
        print(f"| {name} | {total.f1:.3f} | {total.iou:.3f} | {mean:.3f} | {columns} |", flush=True)


def main() -> int:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, default=DATA)
    data = parser.parse_args().data
    if not data.is_dir():
        print(f"{data} does not exist; give the folder of the labelled sets with --data", file=sys.stderr)
        return 3
    taizhou(data / "change-landsat" / "Taizhou")
    cities(data / "change-s2")
    return 0


if __name__ == "__main__":
    sys.exit(main())
