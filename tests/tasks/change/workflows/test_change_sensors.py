"""A made change of known pixels, seen by every sensor that has red and near infrared, by every method."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
from numpy.typing import NDArray

from geoseg.run_record import RunRecord
from geoseg.spec import ChangeSpec, RunSpec, SceneSpec, SensorSpec
from geoseg.spec.presets import sensors
from geoseg.tasks.change.change_map import map_change
from geoseg.tasks.change.methods import change_methods
from tests.messages import Messages, listening, progress
from tests.products.ground import BARE, REFLECTANCE, VEGETATION, WATER, Ground, lake, write_raster

Mask = NDArray[np.bool_]
Codes = NDArray[Any]

SIDE = 150
CLEARED, REGROWN = np.s_[12:34, 8:30], np.s_[112:132, 16:40]

OPTICAL = [
    name
    for name, sensor in sensors().items()
    if {"red"} <= set(sensor.band_names) and {"nir", "nir08"} & set(sensor.band_names)
]
METHODS = tuple(item.name for item in change_methods().values() if item.needs.kind == "optical")

SOLAR = {"coastal": 1.9, "blue": 1.95, "green": 1.84, "red": 1.55, "rededge071": 1.4, "nir": 1.0}
"""Light of the sun at the ground, relative: radiance is reflectance times this and a constant."""


def kinds() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """What lies where on both dates: plants were cleared at one place, and grew at another."""
    before = lake(SIDE)
    before[CLEARED], before[REGROWN] = VEGETATION, BARE
    after = before.copy()
    after[CLEARED], after[REGROWN] = BARE, VEGETATION
    return before, after


def bands_of(sensor: SensorSpec) -> tuple[str, ...]:
    """The bands of a sensor's usual stack that the ground is known in."""
    usual = sensor.order or tuple(band.name for band in sensor.bands)
    return tuple(name for name in usual if name in REFLECTANCE)


WAVES = np.linspace(0.45, 2.4, 60).round(4)
"""Centres of a spectrometer's bands in µm."""


def cube_seen_by(path: Path, ground: Ground) -> str:
    """Write what a spectrometer sees of the ground: radiance, bands told by their wavelengths."""
    known = [band for band in sensors()["generic"].bands if band.name in REFLECTANCE and band.wavelength]
    centres = np.array([band.wavelength for band in known])
    nearest = [known[int(np.abs(centres - wave).argmin())].name for wave in WAVES]
    seen = {name: ground.reflectance(name) for name in set(nearest)}
    rng = np.random.default_rng(ground.seed)
    planes = [
        seen[name] * 150 / wave**1.5 + rng.normal(0, 0.3, seen[name].shape)
        for name, wave in zip(nearest, WAVES, strict=True)
    ]
    tags = [{"wavelength": str(wave), "wavelength_units": "micrometers"} for wave in WAVES]
    return str(write_raster(path, np.stack(planes).astype("f4"), pixel=30, nodata=-9999, band_tags=tags))


def seen_by(path: Path, sensor: SensorSpec, ground: Ground, bands: Sequence[str]) -> str:
    """Write what a sensor stores of the ground, its bands named by their descriptions."""
    planes = []
    for name in bands:
        values = ground.reflectance(name)
        if sensor.units == "radiance":
            values = values * 150 * SOLAR.get(name, 1.2)
        known = sensor.units != "dn" and sensor.scale != 1.0
        planes.append((values - sensor.offset) / sensor.scale if known else values * 10_000)
    stored = np.stack(planes)
    if sensor.units == "dn":
        stored = np.clip(stored * 0.04, 1, 255).astype(np.uint8)
    else:
        stored = np.rint(stored).astype(np.int16 if (sensor.nodata or 0) < 0 else np.uint16)
    return str(write_raster(path, stored, pixel=30, nodata=sensor.nodata, descriptions=bands))


def compare(
    folder: Path, scenes: tuple[SceneSpec, SceneSpec], **options: object
) -> tuple[Codes, RunRecord, Messages]:
    """Map the change between two scenes; returns the class raster too."""
    run = RunSpec(output=folder / "map.gpkg", raster=folder / "map.tif", overwrite=True)
    spec = ChangeSpec.model_validate({"before": scenes[0], "after": scenes[1], "run": run, **options})
    with listening() as told:
        record = map_change(spec, progress)
    assert isinstance(record, RunRecord)
    with rasterio.open(folder / "map.tif") as file:
        return np.asarray(file.read(1)), record, told


def scenes_of(
    folder: Path,
    sensor_names: tuple[str, str],
    dates: tuple[Ground, Ground],
    bands: tuple[Sequence[str], Sequence[str]] | None = None,
) -> tuple[SceneSpec, SceneSpec]:
    """Write both dates as two sensors see them."""
    made = []
    for position, (name, ground) in enumerate(zip(sensor_names, dates, strict=True)):
        sensor = sensors()[name]
        wanted = bands[position] if bands is not None else bands_of(sensor)
        file = folder / f"{('before', 'after')[position]}.tif"
        cube = sensor.kind == "hyperspectral"
        path = cube_seen_by(file, ground) if cube else seen_by(file, sensor, ground, wanted)
        made.append(SceneSpec(paths=(path,), sensor=name))
    return made[0], made[1]


def check(found: Codes, changed: Mask) -> None:
    """What changed is mapped, and little else."""
    mapped = found > 0
    assert (mapped & changed).sum() >= 0.8 * changed.sum()
    assert (mapped & ~changed).sum() <= 0.025 * mapped.size


def two_dates(order: int = 1) -> tuple[tuple[Ground, Ground], Mask]:
    """Both dates, and where they differ; `order` -1 exchanges them."""
    before, after = kinds()[::order]
    return (Ground(kinds=before, seed=1), Ground(kinds=after, seed=2)), before != after


def label_of(folder: Path, found: Codes, place: tuple[slice, slice]) -> str:
    """What most of a place is called."""
    value = np.bincount(found[place].ravel()).argmax()
    with rasterio.open(folder / "map.tif") as file:
        return str(file.tags(1)[f"CLASS_{value}"])


SAME = [(name, name) for name in OPTICAL]
MIXED = [
    ("landsat-8-l2", "sentinel-2-l2a-harmonised"),
    ("hls-l30", "hls-s30"),
    ("landsat-5-l2", "landsat-9-l2"),
    ("landsat-7-l1", "landsat-8-l2"),
    ("sentinel-2-l1c-offset", "sentinel-2-l2a-harmonised"),
    ("planetscope", "sentinel-2-l2a-offset"),
    ("planetscope-radiance", "planetscope"),
    ("naip", "planetscope"),
    ("enmap", "enmap"),
    ("prisma", "sentinel-2-l2a-harmonised"),
]
MIXED += [pair[::-1] for pair in MIXED if pair[0] != pair[1]]
PAIRS = [*SAME, *MIXED]


def storage(name: str) -> tuple[object, ...]:
    """How a sensor stores reflectance; sensors of one way differ in their bands only."""
    sensor = sensors()[name]
    return sensor.kind, sensor.units, sensor.scale, sensor.offset, sensor.nodata


ONE_OF_EACH = tuple({storage(name): (name, name) for name in reversed(OPTICAL)}.values())
"""A sensor for each way of storing reflectance."""


def runs() -> list[tuple[str, tuple[str, str]]]:
    """Every sensor by mad, one of each storage by every method, and between sensors by mad and cva."""
    found = []
    for method, pair in itertools.product(METHODS, PAIRS):
        if method != "mad" and pair not in (*ONE_OF_EACH, *(MIXED if method == "cva" else ())):
            continue
        there = [set(bands_of(sensors()[name])) or {"swir22"} for name in pair]
        if method != "nbr" or all("swir22" in names for names in there):
            found.append((method, pair))
    return found


@pytest.mark.parametrize(
    ("method", "pair"), runs(), ids=lambda value: value if isinstance(value, str) else "-".join(value)
)
def test_a_made_change_is_mapped(method: str, pair: tuple[str, str], tmp_path: Path) -> None:
    dates, changed = two_dates()
    found, _, _ = compare(tmp_path, scenes_of(tmp_path, pair, dates), method=method)
    check(found, changed)
    labels = [label_of(tmp_path, found, place) for place in (CLEARED, REGROWN)]
    if method == "cva":
        assert ["vegetation loss" in labels[0], "vegetation gain" in labels[1]] == [True, True]
    if method in {"ndvi", "nbr"}:
        assert [f"{method.upper()} loss" in labels[0], f"{method.upper()} gain" in labels[1]] == [True, True]


@pytest.mark.parametrize("side", [8, 30, 50, 64])
@pytest.mark.parametrize("method", ["auto", "irmad", "cva"])
def test_a_clearing_is_mapped_whatever_its_size(method: str, side: int, tmp_path: Path) -> None:
    """Up to a fifth of the scene: what changed alike does not hide itself."""
    before = lake(SIDE)
    place = np.s_[80 : 80 + side, 70 : 70 + side]
    before[place] = VEGETATION
    after = before.copy()
    after[place] = BARE
    pair = ("landsat-8-l2", "landsat-8-l2")
    dates = Ground(kinds=before, seed=1), Ground(kinds=after, seed=2)
    found, _, told = compare(tmp_path, scenes_of(tmp_path, pair, dates), method=method)
    check(found, before != after)
    refitted = any("changed clearly" in note for note in told.notes)
    assert refitted == (method == "auto" and side > 8)


BOTH = ("green", "red", "nir", "nir08", "swir22")
BROAD = ("swir22", "nir", "red", "green")
NARROW = ("nir08", "green", "swir22", "red")


@pytest.mark.parametrize(
    ("method", "bands"),
    [
        *itertools.product(["mad"], itertools.product((BOTH, BROAD, NARROW), repeat=2)),
        *itertools.product(["cva", "ndvi", "nbr"], [(BROAD, NARROW), (NARROW, BOTH)]),
    ],
)
def test_near_infrared_is_one_band_by_either_name(
    method: str, bands: tuple[Sequence[str], Sequence[str]], tmp_path: Path
) -> None:
    """Whichever the dates have, in any order: it is compared, and the classes are told by it."""
    sensor = "sentinel-2-l2a-harmonised"
    dates, changed = two_dates()
    found, _, told = compare(tmp_path, scenes_of(tmp_path, (sensor, sensor), dates, bands), method=method)
    check(found, changed)
    assert any(" nir" in note for note in told.notes if note.startswith("method "))
    assert label_of(tmp_path, found, CLEARED).startswith("dense vegetation → bare or built")
    assert label_of(tmp_path, found, REGROWN).startswith("bare or built → dense vegetation")
    one_name = set(bands[0]) & set(bands[1]) & {"nir", "nir08"}
    assert any("stands in for" in note for note in told.notes) == (not one_name)


@pytest.mark.parametrize("name", ["nir", "nir08"])
@pytest.mark.parametrize("sensor", ["landsat-8-l2", "planetscope"])
def test_rules_may_call_near_infrared_by_either_name(name: str, sensor: str, tmp_path: Path) -> None:
    rules = tmp_path / "mine.yaml"
    rules.write_text(
        "name: mine\nclasses:\n  - {value: 1, label: green, colour: '#00ff00'}\n"
        "  - {value: 2, label: other, colour: '#888888'}\n"
        f"rules:\n  - {{label: green, when: [{name} > 0.33], source: made up}}\n"
    )
    dates, _ = two_dates()
    found, _, _ = compare(tmp_path, scenes_of(tmp_path, (sensor, sensor), dates), spectral=str(rules))
    assert label_of(tmp_path, found, CLEARED) == "green → other"


@pytest.mark.parametrize("method", ["mad", "irmad", "cva"])
@pytest.mark.parametrize("bands", [("red", "green", "blue"), ("red",), ("nir",)])
@pytest.mark.parametrize("sensor", ["naip", "sentinel-2-l2a-harmonised"])
def test_change_is_mapped_where_no_class_is_told(
    method: str, bands: Sequence[str], sensor: str, tmp_path: Path
) -> None:
    dates, changed = two_dates()
    found, _, told = compare(
        tmp_path, scenes_of(tmp_path, (sensor, sensor), dates, (bands, bands)), method=method
    )
    assert any("no transitions between classes" in note for note in told.notes)
    check(found, changed)
    darker = label_of(tmp_path, found, REGROWN if "red" in bands else CLEARED)
    assert darker == ("darker" if method == "cva" else "change")


def test_change_within_a_class_and_to_no_class_is_mapped(tmp_path: Path) -> None:
    """Rules that call nothing by its name hide nothing; those that call all ground alike do unless asked."""
    dates, changed = two_dates()
    pair = ("landsat-8-l2", "landsat-8-l2")
    for limit, kind in (("ndvi > -2", "change within a class"), ("ndvi > 2", "not in the table")):
        rules = tmp_path / "mine.yaml"
        rules.write_text(
            "name: mine\nclasses:\n  - {value: 1, label: ground, colour: '#00ff00'}\n"
            "  - {value: 2, label: not told, colour: '#888888'}\n"
            f"rules:\n  - {{label: ground, when: ['{limit}'], source: made up}}\n"
        )
        table = tmp_path / "kinds.yaml"
        table.write_text(
            "name: kinds\ntypes: [{value: 1, label: loss, colour: '#d7301f'}]\n"
            "rules: [{before: [ground], after: [not told], type: 1}]\n"
        )
        options = {"spectral": str(rules), "rules": str(table)}
        found, _, told = compare(tmp_path, scenes_of(tmp_path, pair, dates), **options)
        hidden = kind == "change within a class"
        assert (found > 0).any() == (not hidden)
        assert any("`--within-class` maps them" in note for note in told.notes)
        found, _, _ = compare(tmp_path, scenes_of(tmp_path, pair, dates), **options, within_class=True)
        check(found, changed)
        polygons = pyogrio.read_dataframe(tmp_path / "map.gpkg", layer="change")
        assert set(polygons["type_label"]) == {kind}
        with sqlite3.connect(tmp_path / "map.gpkg") as file:
            (style,) = file.execute("SELECT styleQML FROM layer_styles").fetchone()
        assert kind in style, "what has no kind is drawn too"


def test_small_pieces_of_a_large_change_stay(tmp_path: Path) -> None:
    """A place is cut by its classes, and its pieces are small, but it changed as a whole."""
    before, _ = kinds()
    before[CLEARED] = VEGETATION
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    after = before.copy()
    # Single pixels of water among bare ground.
    after[CLEARED] = np.where((rows + cols) % 2, BARE, WATER)[CLEARED]
    dates = Ground(kinds=before, seed=1), Ground(kinds=after, seed=2)
    pair = ("landsat-8-l2", "landsat-8-l2")
    found, _, _ = compare(tmp_path, scenes_of(tmp_path, pair, dates), smooth=1)
    assert (found[CLEARED] > 0).all()
    assert len(np.unique(found[CLEARED])) > 1
    assert found[:10].max() == 0, "noise elsewhere is left out"


TIMES = {
    "LC08_L2SP_044034_20230622_20230630_02_T1_SR_B4.TIF": "2023-06-22",
    "LC08_L2SP_044034_20190611_20200828_02_T1_SR_B4.TIF": "2019-06-11",
}


@pytest.mark.parametrize("order", [1, -1])
def test_dates_in_the_wrong_order_are_warned_of(order: int, tmp_path: Path) -> None:
    dates, _ = two_dates()
    scenes = []
    for name, ground in zip(list(TIMES)[::order], dates, strict=True):
        path = seen_by(tmp_path / name, sensors()["landsat-8-l2"], ground, ("red",))
        scenes.append(SceneSpec(paths=(path,)))
    pair = (scenes[0], scenes[1])
    warning = "is later than AFTER"
    _, _, told = compare(tmp_path, pair)
    assert any(warning in text for text in told.warnings) == (order == 1)
    _, _, told = compare(tmp_path, pair, date_before="2018", date_after="2024-02")
    assert not any(warning in text for text in told.warnings)
    _, _, told = compare(tmp_path, pair, date_before="2024-03-01")
    assert any(f"BEFORE (2024-03-01) {warning}" in text for text in told.warnings)


@pytest.mark.parametrize("direction", ["fell", "rose"])
@pytest.mark.parametrize("method", ["logratio", "mean-ratio"])
def test_radar_tells_one_direction_of_one_change(method: str, direction: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    first, second = (rng.gamma(5, 0.2, (1, SIDE, SIDE)) * 0.1 for _ in range(2))
    place = np.zeros((SIDE, SIDE), bool)
    place[40:80, 50:100] = True
    second[:, place] *= 0.1 if direction == "fell" else 10
    scenes = []
    for name, power in (("before", first), ("after", second)):
        path = write_raster(
            tmp_path / f"{name}.tif", (10 * np.log10(power)).astype("f4"), descriptions=("vv",)
        )
        scenes.append(SceneSpec(paths=(str(path),), sensor="sentinel-1"))
    found, _, _ = compare(tmp_path, (scenes[0], scenes[1]), method=method)
    assert (found[place] > 0).mean() >= 0.8
    inner = found[45:75, 55:95]
    value = {"fell": 1, "rose": 2}[direction]
    assert (inner == value).mean() > 0.98
