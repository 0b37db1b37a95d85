"""Measure thresholds of tiles of water indices beside the fixed thresholds that are the default.

    python bench/tile_thresholds.py [--data FOLDER]

A rule gives each tile a threshold: of its two modes (Kittler-Illingworth, or Otsu), or Otsu's of about as
many pixels of land as of water, nearest to the shore of what the fixed threshold maps. Tiles without a
threshold have the fixed one, thresholds are limited to the guard of the index, and pixels interpolate between
tiles.

First table: labelled chips of `water-hls`. For each of ten runs of consecutive chips, the rule that is best
on the other nine maps (leave one run out). Second table: area of water in scenes without labels, Sentinel-2
scenes of cities (`change-s2`) and Landsat composites (`series-landsat`), where rules can only be compared
with each other.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from numpy.typing import NDArray
from scipy import ndimage

from geoseg.learn.samples import find_samples, read_chip, sample_windows
from geoseg.learn.train.config import read_config
from geoseg.methods.accuracy import (
    Counts,
    class_scores,
    count,
    false_positive_share,
    interval,
    mean_over_chips,
)
from geoseg.methods.cloud import WATER_NIR
from geoseg.methods.shore import near_open_water
from geoseg.methods.thresholds import (
    TwoGaussians,
    Unimodal,
    fit_two_gaussians,
    histogram,
    kittler_illingworth,
    otsu,
)
from geoseg.tasks.flood.method import Threshold
from geoseg.tasks.flood.methods import water_methods

DATA = Path(os.environ.get("GEOSEG_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
RUNS = 10
BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")

Image = NDArray[np.float32]
Find = Literal["modes, minimum error", "modes, Otsu", "balanced, Otsu"]
Use = Literal["threshold", "threshold and shore", "shore"]

LEAST = 40
"""Pixels of each class around which a balanced threshold is sought."""
SEPARATION, MINOR = 2.0, 0.1
"""Ashman's D and share of the smaller mode from which a tile has two modes (Chini 2017)."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How tiles give thresholds."""

    side: int
    """Pixels a side of a tile."""
    find: Find
    use: Use
    """As the threshold, with or without a lower one at the shore; or as that of the shore alone."""
    weight: float
    """Of the threshold of the tile; that of the fixed threshold is the rest."""

    def __str__(self) -> str:
        return f"{self.side} px, {self.find}, {self.use}, weight {self.weight:g}"


RULES = tuple(
    Rule(side=side, find=find, use=use, weight=weight)
    for side, find, use, weight in itertools.product(
        (32, 64, 128), Find.__args__, Use.__args__, (0.25, 0.5, 1.0)
    )
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Chip:
    """An image of an index with its label."""

    index: Image
    """NaN where not observed."""
    bright: NDArray[np.bool_]
    """Where the near infrared excludes water."""
    label: NDArray[np.uint8]
    rule: Threshold

    @cached_property
    def tiles(self) -> dict[tuple[int, Find], Image]:
        """Threshold of each pixel by size of tiles and algorithm; NaN without one; filled on demand."""
        return {}

    def local(self, side: int, find: Find) -> Image:
        """Return the threshold of each pixel, interpolated between tiles, (H, W)."""
        if (side, find) not in self.tiles:
            self.tiles[side, find] = _interpolated(self._found(side, find), side, self.index.shape)
        return self.tiles[side, find]

    def _found(self, side: int, find: Find) -> Image:
        """Return the threshold of each tile; the fixed one where there is none, and within the guard."""
        low, high = self.rule.guard
        usable = np.where(self.bright, np.float32(np.nan), self.index)
        rows = [
            [
                _threshold(usable[row : row + side, col : col + side], self.rule, find)
                for col in range(0, self.index.shape[1], side)
            ]
            for row in range(0, self.index.shape[0], side)
        ]
        return np.clip(np.array(rows, np.float32), low, high)

    def mapped(self, rule: Rule | None) -> NDArray[np.bool_]:
        """Return where a rule maps water; None: the default of the method."""
        fixed, shore = self.rule.fixed, self.rule.shore
        assert shore is not None
        level = np.float32(fixed)
        near: Image | np.float32 = np.float32(shore)
        if rule is not None:
            local = self.local(rule.side, rule.find)
            blended = np.float32(fixed) + np.float32(rule.weight) * (local - np.float32(fixed))
            if rule.use == "shore":
                # Where the tile has no threshold below the fixed one, the level of the shore stays.
                near = np.where(local < fixed, shore + rule.weight * (local - shore), shore).astype(
                    np.float32
                )
            else:
                level = blended
                near = blended + np.float32(shore - fixed) if rule.use == "threshold and shore" else blended
        water = (self.index > level) & ~self.bright
        if water.any():
            water |= near_open_water(water) & (self.index > near) & ~self.bright
        return np.asarray(water)

    def counts(self, water: NDArray[np.bool_]) -> Counts:
        """Return the error matrix of a map."""
        return count(self.label, np.where(np.isnan(self.index), 255, water).astype(np.uint8), 2)


def _threshold(tile: Image, rule: Threshold, find: Find) -> float:
    """Return the threshold of a tile; the fixed one where it has none."""
    if find == "balanced, Otsu":
        return _balanced(tile, rule)
    counted = histogram(tile, rule.limits)
    if counted.total < LEAST:
        return rule.fixed
    modes = fit_two_gaussians(counted, rounds=50)
    if not isinstance(modes, TwoGaussians) or modes.separation <= SEPARATION or min(modes.shares) < MINOR:
        return rule.fixed
    cut = kittler_illingworth(counted) if find == "modes, minimum error" else otsu(counted)
    return otsu(counted) if isinstance(cut, Unimodal) else cut


def _balanced(tile: Image, rule: Threshold) -> float:
    """Return Otsu's threshold of water and the nearest land, about as many pixels of each."""
    water = tile > rule.fixed
    wet = int(water.sum())
    if wet < LEAST:
        return rule.fixed
    distance = ndimage.distance_transform_edt(~water)
    land = np.sort(distance[~water & np.isfinite(tile)])
    if land.size < LEAST:
        return rule.fixed
    reach = land[min(wet, land.size) - 1]
    inside = ndimage.distance_transform_edt(water)
    depth = np.sort(inside[water])[min(land.size, wet) - 1]
    near = np.isfinite(tile) & (distance <= reach) & (inside <= depth)
    return otsu(histogram(tile[near], rule.limits))


def _interpolated(values: Image, side: int, shape: tuple[int, ...]) -> Image:
    """Return values of tiles at pixels, linear between centres of tiles, constant beyond them."""
    rows, cols = ((np.arange(size) + 0.5) / side - 0.5 for size in shape)
    grid = np.meshgrid(rows, cols, indexing="ij")
    return np.asarray(ndimage.map_coordinates(values, grid, order=1, mode="nearest"), np.float32)


@cache
def water_chips(data: Path, method: str) -> tuple[Chip, ...]:
    """Read the labelled chips of `water-hls` as an index."""
    spec = read_config("water-optical", data / "water-hls", {})
    chips = []
    chosen = water_methods()[method]
    for place in sample_windows(find_samples(spec.data), spec.data):
        chip = read_chip(place, spec.data, BANDS)
        bands = dict(zip(BANDS, chip.pixels, strict=True))
        index = np.asarray(chosen.measure([[bands[name] for name in chosen.bands]]), np.float32)
        chips.append(
            Chip(index=index, bright=bands["nir"] > WATER_NIR, label=chip.label, rule=chosen.threshold)
        )
    return tuple(chips)


def iou(counts: Sequence[Counts]) -> float:
    """Return the IoU of water over error matrices."""
    return class_scores(np.sum(counts, axis=0))[1].iou


def optical(data: Path) -> None:
    """Print the rows of both indices."""
    print("| rule | IoU (interval) | mean over chips | false water | less the default (interval) |")
    print("|---|---|---|---|---|")
    for method in ("wi2015", "mndwi"):
        chips = water_chips(data, method)
        runs = [index * RUNS // len(chips) for index in range(len(chips))]
        default = [chip.counts(chip.mapped(None)) for chip in chips]
        tried = {rule: [chip.counts(chip.mapped(rule)) for chip in chips] for rule in RULES}
        _row(f"`{method}`, default", default, default, runs)
        groups: dict[str, Callable[[Rule], bool]] = {
            use: lambda r, use=use: r.use == use for use in Use.__args__
        }
        groups |= {find: lambda r, find=find: r.find == find for find in Find.__args__}
        groups["all rules"] = lambda _: True
        for name, belongs in groups.items():
            rules = [rule for rule in RULES if belongs(rule)]
            left_out, choices = _leave_one_run_out(rules, tried, runs)
            often, times = Counter(choices).most_common(1)[0]
            _row(
                f"`{method}`, {name}, chosen on other runs ({often}: {times} times)", left_out, default, runs
            )
        best = max(RULES, key=lambda rule: iou(tried[rule]))
        _row(f"`{method}`, best on these chips: {best}", tried[best], default, runs)
        whole = max((r for r in RULES if r.weight == 1), key=lambda rule: iou(tried[rule]))
        _row(f"`{method}`, best with weight 1: {whole}", tried[whole], default, runs)


def _leave_one_run_out(
    rules: Sequence[Rule], tried: Mapping[Rule, Sequence[Counts]], runs: Sequence[int]
) -> tuple[list[Counts], list[Rule]]:
    """Return the error matrices of chips by the rules of the other runs, and these rules."""
    left_out: list[Counts] = []
    choices = []
    for run in range(RUNS):
        others = [index for index, of in enumerate(runs) if of != run]
        chosen = max(rules, key=lambda rule: iou([tried[rule][index] for index in others]))
        choices.append(chosen)
        left_out += [tried[chosen][index] for index, of in enumerate(runs) if of == run]
    return left_out, choices


def _row(name: str, counts: Sequence[Counts], default: Sequence[Counts], runs: Sequence[int]) -> None:
    sums = [
        np.sum([c for c, of in zip(counts, runs, strict=True) if of == run], axis=0) for run in range(RUNS)
    ]
    base = [
        np.sum([c for c, of in zip(default, runs, strict=True) if of == run], axis=0) for run in range(RUNS)
    ]
    low, high = interval(sums)
    less, more = interval(sums, against=base)
    gain = iou(counts) - iou(default)
    change = "" if counts is default else f"{gain:+.3f} ({less:+.3f} to {more:+.3f})"
    figures = (
        f"{iou(counts):.3f} ({low:.3f}–{high:.3f})",
        f"{mean_over_chips(counts):.3f}",
        f"{false_positive_share(counts):.2%}",
        change,
    )
    print(f"| {name} | " + " | ".join(figures) + " |", flush=True)


def unlabelled(data: Path) -> None:
    """Print the area of water by the default and by rules on scenes without labels."""
    best = Rule(side=128, find="balanced, Otsu", use="threshold and shore", weight=0.5)
    others = (Rule(side=128, find=find, use="threshold and shore", weight=1) for find in Find.__args__)
    rules = (None, best, *others)
    print("\n| scene, index | " + " | ".join(str(rule or "default") for rule in rules) + " |")
    print("|---|" + "---|" * len(rules))
    for name, pixel_m2, method, bands in (*_cities(data), *_composites(data)):
        chosen = water_methods()[method]
        index = np.asarray(chosen.measure([[bands[band] for band in chosen.bands]]), np.float32)
        bright = bands["nir"] > WATER_NIR if name.startswith("change-s2") else np.zeros(index.shape, np.bool_)
        chip = Chip(index=index, bright=bright, label=np.zeros(index.shape, np.uint8), rule=chosen.threshold)
        areas = [chip.mapped(rule).sum() * pixel_m2 / 1e6 for rule in rules]
        print(f"| {name}, `{method}` | " + " | ".join(f"{area:.2f} km²" for area in areas) + " |", flush=True)


def _cities(data: Path) -> Iterator[tuple[str, float, str, Mapping[str, Image]]]:
    """Yield name, area of a pixel, index and bands of each date of the cities, less path reflectance."""
    spec = read_config("change-s2", data / "change-s2", {})
    names = [f"{prefix}{band}" for prefix in ("", "after:") for band in BANDS]
    for place in sample_windows(find_samples(spec.data), spec.data):
        pixels = read_chip(place, spec.data, names, "surface").pixels
        for date, scene in (("before", pixels[: len(BANDS)]), ("after", pixels[len(BANDS) :])):
            for method in ("wi2015", "mndwi"):
                name = f"change-s2 {place.sample.id} {date}"
                yield name, 100.0, method, dict(zip(BANDS, scene, strict=True))


def _composites(data: Path) -> Iterator[tuple[str, float, str, Mapping[str, Image]]]:
    """Yield name, area of a pixel, index and bands of each year of the Landsat composites."""
    for path in sorted((data / "series-landsat").glob("*.tif")):
        with rasterio.open(path) as dataset:
            values = dataset.read().astype(np.float32)
        values[:, (values == 0).all(axis=0)] = np.nan
        yield (
            f"Landsat {path.stem}",
            900.0,
            "mndwi",
            dict(zip(("swir16", "nir", "red", "green"), values, strict=True)),
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"{options.data} does not exist; give the labelled sets with --data", file=sys.stderr)
        return 3
    logging.disable(logging.WARNING)
    optical(options.data)
    unlabelled(options.data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
