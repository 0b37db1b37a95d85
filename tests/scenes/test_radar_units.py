"""Units of radar backscatter: by product names, tags and values, one for all bands of a scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from geoseg.errors import SceneError
from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import notes_of, warnings_of
from tests.products.ground import BARE, WATER, Ground, write_raster
from tests.products.sentinel1 import Sentinel1, Stored, hyp3, opera, planetary_computer, stack

NAME = "S1A_IW_GRDH_1SDV_20230507T111213_TC.tif"
Arrays = NDArray[np.float64]


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def decibels(opened: Scene) -> dict[str, float]:
    """Median of each band over what was observed."""
    pixels = opened.read(opened.grid.window, opened.band_names)
    values = pixels.physical()[:, pixels.valid]
    return {name: float(np.median(row)) for name, row in zip(opened.band_names, values, strict=True)}


def told(opened: Scene, level: str = "notes") -> str:
    """What it says of its units."""
    texts = notes_of(opened) if level == "notes" else warnings_of(opened)
    return "; ".join(text for text in texts if "SAR" in text)


def expected() -> dict[str, float]:
    return {band: float(np.median(10 * np.log10(Ground().power(band)))) for band in ("vv", "vh")}


def is_right(opened: Scene) -> None:
    assert {opened.units(name) for name in opened.band_names} == {"db"}
    assert decibels(opened) == pytest.approx({name: expected()[name] for name in opened.band_names}, abs=0.06)


@pytest.mark.parametrize("stored", ["power", "amplitude", "db"])
def test_hyp3_says_by_a_letter_of_its_name(tmp_path: Path, stored: Stored) -> None:
    with scene(hyp3(tmp_path, Sentinel1(stored=stored))) as opened:
        is_right(opened)
        assert "HyP3 RTC" in told(opened)
        assert not told(opened, "warnings")
        stored_as = {band["stored_as"] for band in opened.describe()["bands"]}  # type: ignore[index,union-attr,call-overload]
        assert stored_as == {stored}


@pytest.mark.parametrize(("letter", "stored"), [("p", "db"), ("a", "db"), ("d", "power")])
def test_a_name_that_the_values_contradict_is_not_believed(
    tmp_path: Path, letter: str, stored: Stored
) -> None:
    with scene(hyp3(tmp_path, Sentinel1(stored=stored), letter=letter)) as opened:
        is_right(opened)
        assert "by its name" in told(opened, "warnings")


def test_opera_and_the_planetary_computer_deliver_power(tmp_path: Path) -> None:
    for path in (opera(tmp_path / "a", Sentinel1()), planetary_computer(tmp_path / "b", Sentinel1())):
        with scene(path) as opened:
            is_right(opened)
            assert "gamma0 in power, by its name" in told(opened)


def test_a_catalogue_may_state_the_unit(tmp_path: Path) -> None:
    with scene(planetary_computer(tmp_path, Sentinel1(stored="db"), unit="dB")) as opened:
        is_right(opened)


@pytest.mark.parametrize(
    ("stored", "name", "names", "options"),
    [
        ("db", NAME, ("Sigma0_VV_db", "Sigma0_VH_db"), {}),
        ("amplitude", NAME, ("Amplitude_VV", "Amplitude_VH"), {}),
        ("amplitude", NAME, (), {"tags": {"units": "amplitude"}}),
        ("amplitude", "S1A_IW_GRDH_1SDV_20230507T111213_amp.tif", (), {}),
        ("power", NAME, (), {"band_tags": [{"units": "linear power"}] * 2}),
    ],
)
def test_descriptions_tags_and_file_names_say(
    tmp_path: Path, stored: Stored, name: str, names: tuple[str, ...], options: dict[str, Any]
) -> None:
    with scene(stack(tmp_path / name, Sentinel1(stored=stored), names, **options)) as opened:
        is_right(opened)
        assert "to change this, use `--sar-units`" in told(opened)


@pytest.mark.parametrize(
    ("stored", "dtype"),
    [
        ("power", np.float32),
        ("power", np.float64),
        ("db", np.float32),
        ("db", np.float64),
        ("db x 10", np.int16),
        ("db x 100", np.int16),
        ("db x 100", np.int32),
        ("db x 100", np.float32),
    ],
)
def test_values_say(tmp_path: Path, stored: Stored, dtype: Any) -> None:
    with scene(stack(tmp_path / NAME, Sentinel1(stored=stored, dtype=dtype))) as opened:
        is_right(opened)
        assert not warnings_of(opened)


def test_a_scale_in_the_tags_counts_first(tmp_path: Path) -> None:
    data = np.stack([Ground().power(band) * 1e4 for band in ("vv", "vh")]).astype(np.uint16)
    power = write_raster(
        tmp_path / NAME, data, descriptions=("VV", "VH"), scales=(1e-4, 1e-4), offsets=(0, 0)
    )
    with scene(power) as opened:
        is_right(opened)
    product = Sentinel1(stored="db x 100", dtype=np.int16)
    with scene(stack(tmp_path / "x" / NAME, product, scales=(0.01, 0.01), offsets=(0, 0))) as opened:
        is_right(opened)


def edited(change: Callable[[Arrays], Arrays], **options: Any) -> Callable[[Path], Path]:
    """A writer of both polarisations in power, changed."""

    def write(path: Path) -> Path:
        data = np.stack([change(Ground().power(band)) for band in ("vv", "vh")])
        dtype = options.pop("dtype", np.float32)
        return write_raster(path, data.astype(dtype), descriptions=("VV", "VH"), **options)

    return write


def fill(values: Arrays, value: float) -> Arrays:
    """The first rows were not observed."""
    found = values.copy()
    found[:40] = value
    return found


@pytest.mark.parametrize("value", [0.0, -9999.0, -32768.0, np.nan])
@pytest.mark.parametrize("tagged", [False, True])
def test_fill_is_no_backscatter(tmp_path: Path, value: float, tagged: bool) -> None:
    write = edited(lambda power: fill(power, value), nodata=value if tagged else None)
    with scene(write(tmp_path / NAME)) as opened:
        pixels = opened.read(opened.grid.window, ["vv", "vh"])
        assert not pixels.valid[:40].any()
        assert pixels.valid[40:].all()
        assert "linear power" in told(opened)


def test_a_few_negative_values_do_not_make_decibels(tmp_path: Path) -> None:
    def resampled(power: Arrays) -> Arrays:
        found = power.copy()
        found.ravel()[:3] = -2e-4
        return found

    with scene(edited(resampled)(tmp_path / NAME)) as opened:
        is_right(opened)
        assert not warnings_of(opened)


def test_power_less_its_noise_stays_observed(tmp_path: Path) -> None:
    with scene(edited(lambda power: power - 0.003)(tmp_path / NAME)) as opened:
        pixels = opened.read(opened.grid.window, ["vv", "vh"])
        assert pixels.valid.all()
        values = pixels.physical()
        assert values.min() == pytest.approx(-50)
        assert any("% of the values are below 0" in note for note in notes_of(opened))
        water = Ground().water
        assert np.median(values[1][water]) < np.median(values[1][~water]) - 15


def test_positive_decibels_do_not_make_power(tmp_path: Path) -> None:
    """A city is above 0 dB in places."""
    city = edited(lambda power: 10 * np.log10(power) + 9)
    with scene(city(tmp_path / NAME)) as opened:
        assert decibels(opened)["vv"] == pytest.approx(expected()["vv"] + 9, abs=0.01)


@pytest.mark.parametrize("kind", [WATER, BARE])
@pytest.mark.parametrize("stored", ["power", "db", "db x 100"])
def test_one_kind_of_ground_is_enough(tmp_path: Path, kind: int, stored: Stored) -> None:
    ground = Ground(kinds=np.full((60, 60), kind, np.uint8))
    product = Sentinel1(ground=ground, stored=stored, bands=("vv",))
    with scene(stack(tmp_path / NAME, product)) as opened:
        assert decibels(opened)["vv"] == pytest.approx(-20 if kind == WATER else -9, abs=0.5)


def test_amplitude_without_a_word_of_it_is_taken_for_power_and_said(tmp_path: Path) -> None:
    path = stack(tmp_path / NAME, Sentinel1(stored="amplitude"))
    with scene(path) as opened:
        assert "use `--sar-units amplitude`" in told(opened)
    with scene(path, sar_units="amplitude") as opened:
        is_right(opened)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda power: np.sqrt(power) * 900, "not calibrated backscatter.*SNAP"),
        (lambda power: power * 8e5, "not calibrated backscatter"),
        (lambda power: 10 * np.log10(power) + 80, "not calibrated backscatter"),
        (lambda power: power * 0, "only 0 and nodata"),
        (lambda power: power * np.nan, "only 0 and nodata"),
    ],
)
def test_what_no_backscatter_can_be_is_refused(
    tmp_path: Path, change: Callable[[Arrays], Arrays], message: str
) -> None:
    path = edited(change)(tmp_path / NAME)
    with pytest.raises(SceneError, match=message) as caught, scene(path):
        pass
    assert caught.value.exit_code == 3
    assert "--sar-units" in str(caught.value)
    with scene(path, sar_units="amplitude") as opened:
        assert {opened.units(name) for name in opened.band_names} == {"db"}


def test_bands_of_different_units_are_refused(tmp_path: Path) -> None:
    vv, vh = Ground().power("vv"), Ground().power("vh")
    both = np.stack([10 * np.log10(vv), vh]).astype(np.float32)
    path = write_raster(tmp_path / NAME, both, descriptions=("VV", "VH"))
    with pytest.raises(SceneError, match="have different units"), scene(path):
        pass
    product = Sentinel1(stored="amplitude")
    path = stack(tmp_path / "words.tif", product, ("Amplitude_VV", "Intensity_VH"))
    with pytest.raises(SceneError, match="different units"), scene(path, sensor="sentinel-1"):
        pass


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_whole_numbers_without_a_scale_are_bare_counts(tmp_path: Path, dtype: Any) -> None:
    write = edited(lambda power: np.clip(np.sqrt(power) * 300, 1, 255), dtype=dtype)
    path = write(tmp_path / NAME)
    with scene(path) as opened:
        assert opened.units("vv") == "dn"
        assert any("not calibrated" in text for text in warnings_of(opened))
    with scene(path, sar_units="db") as opened:
        assert {band.scale for band in opened.bands} == {1.0}
        assert any("does not look like" in text for text in warnings_of(opened))


@pytest.mark.parametrize("asked", ["power", "amplitude"])
def test_units_that_values_rule_out_are_refused(tmp_path: Path, asked: str) -> None:
    path = hyp3(tmp_path, Sentinel1(stored="db"))
    with pytest.raises(SceneError, match="is dB, but `--sar-units` is"), scene(path, sar_units=asked):
        pass


def test_people_win_and_are_warned(tmp_path: Path) -> None:
    path = hyp3(tmp_path, Sentinel1(stored="power"))
    with scene(path, sar_units="db") as opened:
        assert {band.db_factor for band in opened.bands} == {0}
        assert any("does not look like calibrated dB" in text for text in warnings_of(opened))


def test_linear_is_a_synonym_of_power() -> None:
    assert SceneSpec(paths=("x",), sar_units="linear").sar_units == "power"  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        SceneSpec(paths=("x",), sar_units="watt")  # type: ignore[arg-type]


def test_real_backscatter_in_decibels(data_dir: Path) -> None:
    chips = sorted((data_dir / "flood-s1").glob("*/s1/*.tif"))
    places = [*((chip,) for chip in chips), tuple((data_dir / "sar-dem" / "test_features").glob("*.tif"))]
    assert len(places) > 20
    for paths in places:
        with scene(*paths) as opened:
            assert {(band.units, band.scale, band.db_factor) for band in opened.bands} == {("db", 1.0, 0)}
            assert not warnings_of(opened)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("units", ["power", "amplitude", "db"])
def test_one_file_of_any_float_type_is_read(tmp_path: Path, units: Stored, dtype: Any) -> None:
    power = np.stack([Ground().power(band) for band in ("vv", "vh")])
    stored = {"power": power, "amplitude": np.sqrt(power), "db": 10 * np.log10(power)}[units]
    path = write_raster(tmp_path / "s1.tif", stored.astype(dtype), descriptions=("VV", "VH"))
    with scene(path, sar_units=units) as opened:
        assert decibels(opened) == pytest.approx(expected(), abs=0.06)


@pytest.mark.parametrize("bands", [("vv", "vh"), ("vh",)])
@pytest.mark.parametrize(("form", "doubted"), [("power", False), ("amplitude", True), ("stretched", True)])
def test_power_that_is_too_bright_is_doubted(
    tmp_path: Path, bands: tuple[str, ...], form: str, doubted: bool
) -> None:
    forms: dict[str, Callable[[Arrays], Arrays]] = {
        "power": lambda power: power,
        "amplitude": lambda power: power**0.5,
        "stretched": lambda power: np.clip((10 * np.log10(power) + 30) / 30, 0, 1),
    }
    kinds = np.full((64, 64), BARE, np.uint8)
    kinds[:20] = WATER
    data = np.stack([forms[form](Ground(kinds=kinds).power(band)) for band in bands]).astype(np.float32)
    with scene(write_raster(tmp_path / "may.tif", data, descriptions=[b.upper() for b in bands])) as opened:
        assert ("sar-units-unlikely" in {item.code for item in opened.messages}) == doubted


def test_a_ratio_of_polarisations_is_no_band(tmp_path: Path) -> None:
    power = {band: Ground().power(band) for band in ("vv", "vh")}
    data = 10 * np.log10(np.stack([power["vv"], power["vh"], power["vv"] / power["vh"]]))
    for number, label in enumerate(["VV_VH", "VH/VV", "VV-VH ratio", "ratio_VH_VV"]):
        labels = ["VV", "VH", label]
        path = write_raster(tmp_path / f"{number}.tif", data.astype(np.float32), descriptions=labels)
        with scene(path) as opened:
            is_right(opened)
            assert set(opened.band_names) == {"vv", "vh"}


@pytest.mark.parametrize("ratio", ["VV_VH", "vv-vh_ratio", "ratio VH VV"])
def test_a_file_of_a_ratio_of_polarisations_is_no_band(tmp_path: Path, ratio: str) -> None:
    power = Ground().power("vv")
    for name in ("VV", ratio):
        write_raster(tmp_path / f"S1_{name}.tif", (10 * np.log10(power)).astype(np.float32))
    with scene(tmp_path) as opened:
        assert opened.band_names == ("vv",)


def test_a_file_of_a_product_of_two_polarisations_is_its_last_one(tmp_path: Path) -> None:
    for band in ("vv", "vh"):
        data = (10 * np.log10(Ground().power(band))).astype(np.float32)
        write_raster(tmp_path / f"S1A_IW_VV_VH_{band.upper()}.tif", data)
    with scene(tmp_path) as opened:
        is_right(opened)
