"""Measure the weight-free water methods against labels, every chip taken as a scene of its own.

    python bench/flood_accuracy.py [--sets bangladesh-aligned,water-hls]

Prints a Markdown table. The rasters are found through GEOSEG_TEST_DATA (default: ../shared/data beside the
repository). Labels on another grid are warped to the image's by geotransform, nearest neighbour; label
pixels without a class do not count. Neighbouring chips resemble each other, so that the intervals, from
drawing chips anew, are on the narrow side. `water-hls` has no coordinates. The constants of the methods
come from the literature; which guard and fallback rules became the default was looked at on these very
sets, so that none of them is an independent test.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.warp import Resampling, reproject
from scipy import ndimage

from geoseg.methods.accuracy import Confusion, bootstrap_interval, confusion, total
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.tasks.water import Choice, WaterSession, candidate_bands, fix

DATA = Path(os.environ.get("GEOSEG_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
ALIGNED = ("40_119", "45_90", "50_67", "50_83", "52_67", "52_81", "53_80", "59_27", "62_23")
"""Bangladesh chips whose label agrees with the image."""
HLS_BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")


@dataclass(frozen=True, kw_only=True)
class Chip:
    """One labelled raster."""

    pixels: NDArray[np.float32]
    """(C, H, W) physical, NaN where not observed."""
    bands: tuple[str, ...]
    label: NDArray[np.uint8]
    """0 no label, 1 not water, 2 water."""


def radar_chips(part: str, only: tuple[str, ...] = ()) -> Iterator[Chip]:
    for path in sorted((DATA / "flood-s1" / part / "s1").glob("*.tif")):
        if only and not path.stem.endswith(only):
            continue
        with (
            rasterio.open(path) as image,
            rasterio.open(DATA / "flood-s1" / part / "label" / path.name) as truth,
        ):
            pixels = image.read().astype(np.float32)
            label = np.zeros(image.shape, np.uint8)
            reproject(
                truth.read(1),
                label,
                src_transform=truth.transform,
                src_crs=truth.crs,
                dst_transform=image.transform,
                dst_crs=image.crs,
                src_nodata=0,
                resampling=Resampling.nearest,
            )
        # 0 dB is a legal value; a pixel that is 0 in both polarisations was not observed.
        pixels[:, (pixels == 0).all(axis=0)] = np.nan
        yield Chip(pixels=pixels, bands=("vv", "vh"), label=label)


def optical_chips() -> Iterator[Chip]:
    for path in sorted((DATA / "water-hls" / "image").glob("*.tif"), key=lambda item: int(item.stem)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with (
                rasterio.open(path) as image,
                rasterio.open(DATA / "water-hls" / "label" / f"{path.stem}.png") as truth,
            ):
                pixels = image.read().astype(np.float32) / 10000
                label = (truth.read(1) > 0).astype(np.uint8) + 1
        yield Chip(pixels=pixels, bands=HLS_BANDS, label=label)


SETS: dict[str, tuple[str, Callable[[], Iterator[Chip]]]] = {
    "bangladesh-aligned": ("sar", lambda: radar_chips("bangladesh", ALIGNED)),
    "bangladesh": ("sar", lambda: radar_chips("bangladesh")),
    "us-carolina": ("sar", lambda: radar_chips("us-carolina")),
    "water-hls": ("optical", optical_chips),
}
Options = dict[str, str | float]
METHODS: dict[str, list[Options]] = {
    "sar": [
        {"method": "auto"},
        {"method": "sar-vh"},
        {"method": "sar-vv"},
        {"method": "sar-vh", "threshold": -20.0},
        {"method": "sar-vv", "threshold": -16.0},
        {"method": "sar-vh", "threshold": -20.0, "speckle": "boxcar"},
        {"method": "sar-vh", "thresholding": "otsu"},
        {"method": "sar-vh", "thresholding": "ki"},
        {"method": "sar-vh", "thresholding": "bmax-otsu"},
        {"method": "sar-vh", "thresholding": "edge-otsu"},
        {"method": "sar-vh", "thresholding": "hsba"},
    ],
    "optical": [
        {"method": "auto"},
        {"method": "mndwi", "threshold": -0.1},
        {"method": "mndwi", "threshold": 0.0},
        {"method": "mndwi", "thresholding": "otsu"},
        {"method": "mndwi", "thresholding": "ki"},
        {"method": "ndwi"},
        {"method": "awei-nsh"},
        {"method": "awei-sh"},
    ],
}


def map_chip(chip: Chip, kind: str, options: Options) -> NDArray[np.bool_]:
    """Water as the pipeline would map it, minimum area aside."""
    scene = SceneSpec(paths=("chip",))
    spec = FloodSpec.model_validate({"scene": scene, "run": RunSpec(output=Path("none")), **options})
    found = candidate_bands(
        spec, chip.bands, "sar" if kind == "sar" else "optical", 0, "db" if kind == "sar" else "reflectance"
    )
    layers = dict(zip(chip.bands, chip.pixels, strict=True))
    sample = np.stack([layers[name] for name in found.bands])
    choice = fix(spec, found, [sample], (10.0, 10.0))
    scores = WaterSession(choice)(np.stack([layers[name] for name in choice.bands])[np.newaxis])[0, 0]
    return grown(scores, choice)


def grown(scores: NDArray[np.float32], choice: Choice) -> NDArray[np.bool_]:
    """Pixels above one half whose region (by edges, as in the map) reaches the seed."""
    water = scores > 0.5
    if choice.seed is None:
        return water
    labels, count = ndimage.label(water)
    best = ndimage.maximum(scores, labels, np.arange(count + 1))
    return np.asarray((best >= choice.seed)[labels] & water)


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy of the weight-free water methods.")
    parser.add_argument("--sets", default=",".join(SETS))
    print("| set | method | chips | micro IoU | 95 % interval | median IoU of chips |")
    print("|---|---|---|---|---|---|")
    for name in parser.parse_args().sets.split(","):
        kind, load = SETS[name]
        chips = list(load())
        for options in METHODS[kind]:
            counts: list[Confusion] = [
                confusion(
                    map_chip(chip, kind, options),
                    chip.label == 2,
                    (chip.label > 0) & np.isfinite(chip.pixels).all(axis=0),
                )
                for chip in chips
            ]
            low, high = bootstrap_interval(counts)
            title = " ".join(str(value) for value in options.values())
            median = np.nanmedian([item.iou for item in counts])
            print(
                f"| {name} | {title} | {len(counts)} | {total(counts).iou:.3f} "
                f"| {low:.3f}–{high:.3f} | {median:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
