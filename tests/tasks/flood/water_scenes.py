"""Simulated scenes of water in optical bands and backscatter, and what is mapped of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from geoseg.scenes.sensor_kind import SensorKind
from geoseg.spec import FloodSpec, RunSpec, SceneSpec, Units
from geoseg.tasks.flood.choice import WaterChoice
from geoseg.tasks.flood.choose import choose_method, find_candidates
from geoseg.tasks.flood.session import WaterSession

Image = NDArray[np.float32]
Scene = Mapping[str, Image]
SIDE = 256
TENS = (10.0, 10.0)


def request(**options: object) -> FloodSpec:
    scene = SceneSpec(paths=("scene.tif",))
    return FloodSpec.model_validate({"scene": scene, "run": RunSpec(output=Path("out.gpkg")), **options})


def disc(share: float = 0.3, side: int = SIDE) -> NDArray[np.bool_]:
    y, x = np.mgrid[:side, :side] - side / 2
    return np.asarray(np.hypot(x, y) < side * math.sqrt(share / math.pi))


def radar(water: NDArray[np.bool_], seed: int = 0, land: float = -9.0) -> Scene:
    """Backscatter in dB with 4.4 looks of speckle; water is 10 dB darker."""
    rng = np.random.default_rng(seed)
    out = {}
    for name, level in (("vv", land), ("vh", land - 6)):
        db = np.where(water, level - 10, level) + 10 * np.log10(rng.gamma(4.4, 1 / 4.4, water.shape))
        out[name] = db.astype(np.float32)
    return out


def ground(levels: Mapping[str, tuple[float, float]], share: float = 0.3, seed: int = 0) -> Scene:
    """Backscatter of a disc of water in land, levels in dB by band, with texture and 4.4 looks of speckle."""
    rng = np.random.default_rng(seed)
    water = disc(share)
    texture = gaussian_filter(rng.normal(0, 1, water.shape), 4)
    texture /= texture.std()
    out = {}
    for name, (wet, dry) in levels.items():
        speckle = 10 * np.log10(rng.gamma(4.4, 1 / 4.4, water.shape))
        out[name] = (np.where(water, wet + 0.5 * texture, dry + texture) + speckle).astype(np.float32)
    return out


def optical(water: NDArray[np.bool_], seed: int = 0) -> Scene:
    """Reflectance of clear water and of vegetation, with noise."""
    rng = np.random.default_rng(seed)
    levels = {
        "blue": (0.06, 0.04),
        "green": (0.08, 0.07),
        "red": (0.05, 0.05),
        "nir": (0.03, 0.35),
        "swir16": (0.02, 0.2),
        "swir22": (0.01, 0.1),
    }
    return {
        name: (np.where(water, wet, dry) + rng.normal(0, 0.005, water.shape)).astype(np.float32)
        for name, (wet, dry) in levels.items()
    }


def stack(scene: Scene, bands: tuple[str, ...]) -> Image:
    return np.stack([scene[name] for name in bands])


def earlier(scene: Scene, index: int = 0) -> Scene:
    prefix = "before" if index == 0 else f"before{index + 1}"
    return {f"{prefix}:{name}": values for name, values in scene.items()}


def default_units(bands: Iterable[str]) -> Units:
    return "db" if {"vv", "vh", "hh", "hv"} & set(bands) else "reflectance"


def choose(scene: Scene, spec: FloodSpec, before: int = 0, units: Units | None = None) -> WaterChoice:
    own = [name for name in scene if ":" not in name and name not in ("hand", "slope", "permanent_water")]
    kind: SensorKind = "sar" if {"vv", "vh", "hh", "hv"} & set(own) else "optical"
    units = units or default_units(own)
    found = find_candidates(spec, dict.fromkeys(own, units), kind, before)
    return choose_method(spec, found, [stack(scene, found.bands)], TENS)


def score(scene: Scene, choice: WaterChoice) -> Image:
    planes: Image = WaterSession(choice)(stack(scene, choice.bands)[np.newaxis])[0]
    return planes


def agreement(mapped: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return float((mapped & truth).sum() / (mapped | truth).sum())


WATER = disc()
