"""The methods that are chosen by themselves reach on labelled chips what a fixed rule reaches."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning
from scipy import ndimage

from geoseg.learn.samples import find_samples, read_chip, sample_windows
from geoseg.learn.train.config import read_config
from geoseg.methods.accuracy import count, main_score
from geoseg.methods.sar import boxcar, to_db, to_power
from geoseg.methods.sar_water import DB_LIMITS
from geoseg.methods.thresholds import histogram, otsu
from geoseg.spec import FloodSpec, RunSpec, SceneSpec
from geoseg.tasks.flood.choose import choose_method, find_candidates
from geoseg.tasks.flood.session import WaterSession
from tests.tasks.flood.water_scenes import default_units

ALIGNED = tuple(
    f"BGD_{name}"
    for name in ("40_119", "45_90", "50_67", "50_83", "52_67", "52_81", "53_80", "59_27", "62_23")
)
"""Bangladesh chips whose label agrees with the image."""


def mapped(pixels: NDArray[np.float32], bands: Sequence[str], kind: str, method: str) -> NDArray[np.bool_]:
    """Water of a chip that is a scene of its own, regions grown as the pipeline does."""
    spec = FloodSpec(scene=SceneSpec(paths=("chip",)), run=RunSpec(output=Path("none")), method=method)
    radar = kind == "sar"
    units = dict.fromkeys(bands, default_units(bands))
    found = find_candidates(spec, units, "sar" if radar else "optical", 0)
    layers = dict(zip(bands, pixels, strict=True))
    choice = choose_method(spec, found, [np.stack([layers[name] for name in found.bands])], (10.0, 10.0))
    scores = WaterSession(choice)(np.stack([layers[name] for name in choice.bands])[np.newaxis])[0, 0]
    labels, count = ndimage.label(scores > 0.5)
    best = ndimage.maximum(scores, labels, np.arange(count + 1))
    keep = best >= (choice.seed or 0.0)
    keep[0] = False
    return np.asarray(keep[labels])


def score(config: str, data: Path, kind: str, method: str, only: Sequence[str] = ()) -> tuple[float, int]:
    """IoU of water over all chips of a set, and how many there are."""
    spec = read_config(config, data, {"data.only": list(only), "data.doubtful": []})
    bands = tuple(band.name for band in spec.bands)
    counts = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        for place in sample_windows(find_samples(spec.data), spec.data):
            chip = read_chip(place, spec.data, bands)
            water = mapped(chip.pixels, bands, kind, method).astype(np.uint8)
            counts.append(count(chip.label, water, 2))
    return main_score(np.sum(counts, axis=0)), len(counts)


@pytest.mark.parametrize(("method", "floor"), [("auto", 0.60), ("sar-vh", 0.45), ("sar-vv", 0.56)])
def test_radar_floods(data_dir: Path, method: str, floor: float) -> None:
    iou, chips = score("flood-sar", data_dir / "flood-s1", "sar", method, ALIGNED)
    assert chips == 9
    assert iou >= floor


@pytest.mark.parametrize("region", ["bangladesh", "us-carolina"])
def test_radar_floods_of_a_region_are_mapped_better_than_by_simple_rules(data_dir: Path, region: str) -> None:
    spec = read_config("flood-sar", data_dir / "flood-s1", {"data.doubtful": []})
    counts: dict[str, list[NDArray[np.int64]]] = {}
    for place in sample_windows(find_samples(spec.data), spec.data):
        if region not in str(place.sample.label):
            continue
        chip = read_chip(place, spec.data, ("vv", "vh"))
        maps = {"auto": mapped(chip.pixels, ("vv", "vh"), "sar", "auto"), **simple_maps(*chip.pixels)}
        for name, water in maps.items():
            counts.setdefault(name, []).append(count(chip.label, water.astype(np.uint8), 2))
    scores = {name: main_score(np.sum(parts, axis=0)) for name, parts in counts.items()}
    assert scores.pop("auto") > max(scores.values()), scores


def simple_maps(vv: NDArray[np.float32], vh: NDArray[np.float32]) -> dict[str, NDArray[np.bool_]]:
    """Water of a chip by rules that look at nothing else, after a 5 x 5 mean."""
    maps = {"all": np.isfinite(vh)}
    for name, image, levels in (("vv", vv, range(-17, -12)), ("vh", vh, range(-22, -17))):
        db = to_db(boxcar(to_power(image)))
        maps[f"{name} by Otsu"] = db < otsu(histogram(db, DB_LIMITS))
        maps |= {f"{name} < {level}": db < level for level in levels}
    return maps


def test_dry_ground_is_dry(data_dir: Path) -> None:
    folder = data_dir / "sar-dem" / "test_features"
    bands = ("vv", "vh")
    pixels = []
    for band in bands:
        with rasterio.open(folder / f"ayt12_{band}.tif") as file:
            pixels.append(file.read(1)[264:].astype(np.float32))
    assert mapped(np.stack(pixels), bands, "sar", "auto").mean() < 0.03


@pytest.mark.parametrize(
    ("method", "every", "floor"),
    [("auto", 1, 0.65), ("mndwi", 6, 0.64), ("ndwi", 6, 0.59), ("waterdetect", 6, 0.61)],
)
def test_optical_water(data_dir: Path, method: str, every: int, floor: float) -> None:
    """The default on all chips; methods that are asked for on every sixth."""
    data = data_dir / "water-hls"
    spec = read_config("water-optical", data, {"data.doubtful": []})
    names = [sample.id for sample in find_samples(spec.data)]
    assert len(names) >= 200
    iou, chips = score("water-optical", data, "optical", method, names[::every])
    assert chips == len(names[::every])
    assert iou >= floor
