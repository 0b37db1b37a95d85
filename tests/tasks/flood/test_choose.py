"""Which method is chosen for which scene, with what warnings, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from geoseg.errors import BandError, SceneError, UsageError
from geoseg.grid import Window
from geoseg.pixels import Pixels
from geoseg.spec import Units
from geoseg.tasks.flood.choose import choose_method, find_candidates
from geoseg.tasks.flood.session import WaterSession
from tests.messages import Messages
from tests.tasks.flood.water_scenes import (
    SIDE,
    WATER,
    agreement,
    choose,
    default_units,
    disc,
    earlier,
    ground,
    optical,
    radar,
    request,
    score,
    stack,
)


@pytest.mark.parametrize(
    ("water", "land", "chosen"),
    [
        ((-28, -25), (-23, -15), "sar-vv"),
        ((-28, -22), (-15, -9), "sar-vh"),
        ((-25, -13), (-15, -9), "sar-vh"),
        ((-28, -24), (-26, -13), "sar-vh"),
    ],
    ids=["ground as dark as water in VH", "both differ", "rough water", "calm water in rough water"],
)
def test_vv_where_vh_shows_land_as_dark_as_water(
    water: tuple[int, int], land: tuple[int, int], chosen: str, messages: Messages
) -> None:
    choice = choose(ground({"vh": (water[0], land[0]), "vv": (water[1], land[1])}), request())
    assert choice.method.name == chosen
    assert choice.bands == (chosen.removeprefix("sar-"),)
    assert any("land as dark as water" in text for text in messages.notes) == (chosen == "sar-vv")


@pytest.mark.parametrize("options", [{"threshold": -20.0}, {"method": "sar-vh"}, {"polarisation": "vh"}])
def test_vh_is_used_where_it_is_asked_for(options: dict[str, object]) -> None:
    scene = ground({"vh": (-28, -23), "vv": (-25, -15)})
    assert choose(scene, request(**options)).method.name == "sar-vh"


def test_what_is_chosen_for_what_there_is() -> None:
    def best(bands: list[str], before: int = 0, unit: Units | None = None) -> str:
        radar_bands = set(bands) <= {"vv", "vh"}
        units = dict.fromkeys(bands, unit or default_units(bands))
        found = find_candidates(request(), units, "sar" if radar_bands else "optical", before)
        return found.choices[0].method.name

    six = ["blue", "green", "red", "nir", "swir16", "swir22"]
    assert best(six) == "wi2015"
    assert best(six, unit="dn") == "mndwi"
    assert best(six, unit="radiance") == "mndwi"
    assert best(six[1:]) == "wi2015"
    assert best(["green", "nir", "swir16"]) == "mndwi"
    assert best(["green", "nir"]) == "ndwi"
    assert best(["vv"]) == "sar-vv"
    assert best(["vv", "vh"]) == "sar-vh"
    assert best(["vv", "vh"], 1) == "logratio"
    assert best(["vv", "vh"], 3) == "zscore"


def test_choices_say_why(messages: Messages) -> None:
    choice = choose(radar(WATER), request())
    text = " ".join(messages.notes)
    for word in ("sar-vh", "Ashman D", "Bmax", "of the sample", "threshold", "looks"):
        assert word in text
    assert "VH" in WaterSession(choice).description
    assert f"{choice.threshold:.4g}" in WaterSession(choice).description


def test_the_threshold_given_wins(messages: Messages) -> None:
    scene = radar(WATER)
    choice = choose(scene, request(threshold=-23.5))
    assert choice.threshold == -23.5
    assert choice.seed is None
    assert not messages.warnings


@pytest.mark.parametrize(
    ("threshold", "mapped"), [(2.0, "nothing"), (-1.0, "everything"), (0.9, ""), (-0.9, "")]
)
def test_a_threshold_that_no_index_reaches(threshold: float, mapped: str, messages: Messages) -> None:
    choose(dict(optical(WATER)), request(threshold=threshold, method="ndwi"))
    found = [text for text in messages.warnings if "beyond the values that NDWI has (-1 to 1)" in text]
    assert [text for text in found if f": {mapped} is mapped as water" in text] == found
    assert bool(found) == bool(mapped)


def test_backscatter_without_its_sign(messages: Messages) -> None:
    choose(radar(WATER), request(threshold=21))
    assert any("(-45 to 5): everything is mapped" in text for text in messages.warnings)


def test_clouds_and_snow_are_not_water(messages: Messages) -> None:
    scene = dict(optical(WATER))
    cloud = np.zeros_like(WATER)
    cloud[:60, :60] = True
    for name, value in (("green", 0.6), ("nir", 0.55), ("swir16", 0.3)):
        scene[name] = np.where(cloud, value, scene[name]).astype(np.float32)
    choice = choose(scene, request())
    assert not (score(scene, choice)[0] > 0.5)[cloud].any()
    assert any("cloud or snow" in text for text in messages.warnings)
    assert agreement(score(scene, choice)[0] > 0.5, WATER & ~cloud) > 0.98


def test_indices_work_on_digital_numbers_but_sums_do_not() -> None:
    scene = {name: values * 10000 for name, values in optical(WATER).items()}
    choice = choose(scene, request(), units="dn")
    assert choice.nir_limit is None
    assert agreement(score(scene, choice)[0] > 0.5, WATER) > 0.99
    for name in ("awei-sh", "wi2015", "waterdetect"):
        with pytest.raises(SceneError, match="reflectance"):
            choose(scene, request(method=name), units="dn")


def test_pixels_are_taken_as_well_as_arrays() -> None:
    scene = optical(WATER)
    found = find_candidates(request(method="mndwi"), dict.fromkeys(scene, "reflectance"), "optical", 0)
    stored = np.round(stack(scene, found.bands) * 10000 + 1000).astype(np.uint16)
    pixels = Pixels(
        window=Window(row=0, col=0, height=SIDE, width=SIDE),
        bands=found.bands,
        data=stored,
        valid=np.ones((SIDE, SIDE), np.bool_),
        scale=(1e-4,) * len(found.bands),
        offset=(-0.1,) * len(found.bands),
    )
    otsu = request(method="mndwi", thresholding="otsu")
    assert choose_method(otsu, found, [pixels]).threshold == pytest.approx(
        choose_method(otsu, found, [stack(scene, found.bands)]).threshold, abs=0.02
    )


@pytest.mark.parametrize(
    ("options", "bands", "kind", "before", "error", "words"),
    [
        ({"method": "magic"}, ["vv"], "sar", 0, UsageError, "there are auto"),
        ({"method": "mndwi"}, ["vv"], "sar", 0, SceneError, "optical"),
        ({"method": "mndwi"}, ["green", "nir"], "optical", 0, BandError, "swir16"),
        ({"method": "logratio"}, ["vv"], "sar", 0, UsageError, "--before"),
        ({"method": "zscore"}, ["vv"], "sar", 1, UsageError, "2 earlier scenes"),
        ({}, ["red", "blue"], "optical", 0, BandError, "infrared band with `--band nir=PATH`"),
        ({}, ["b1", "b2"], "optical", 0, BandError, "`--band NAME=PATH`"),
        ({"method": "sar-vv"}, ["hh"], "sar", 0, BandError, "vv"),
        ({"polarisation": "vh"}, ["vv"], "sar", 0, BandError, "vh"),
    ],
)
def test_what_cannot_be(
    options: dict[str, object],
    bands: list[str],
    kind: str,
    before: int,
    error: type[Exception],
    words: str,
) -> None:
    with pytest.raises(error, match=words):
        find_candidates(
            request(**options),
            dict.fromkeys(bands, default_units(bands)),
            "sar" if kind == "sar" else "optical",
            before,
        )


def test_linear_power_is_refused() -> None:
    with pytest.raises(SceneError, match="linear"):
        find_candidates(request(), {"vv": "linear"}, "sar", 0)


def test_focal_mean_of_fifty_metres_needs_pixels_of_that_order(messages: Messages) -> None:
    spec = request(method="unspider")
    found = find_candidates(spec, {"vh": "db"}, "sar", 1)
    sample = np.full((2, 8, 8), -10, np.float32)
    with pytest.raises(SceneError, match="resample"):
        choose_method(spec, found, [sample], (0.3, 0.3))
    assert choose_method(spec, found, [sample], (10.0, 20.0)).margin == 5
    assert "pixel-size-assumed" not in messages.codes
    choose_method(spec, found, [sample])
    assert "pixel-size-assumed" in messages.codes


def test_few_scenes_before_are_warned_about(messages: Messages) -> None:
    for count, warned in ((2, True), (5, False)):
        scene = dict(radar(WATER))
        for index in range(count):
            scene |= earlier(radar(disc(0.05), seed=20 + index), index)
        messages.clear()
        choice = choose(scene, request(), before=count)
        assert choice.method.name == "zscore"
        assert ("few-scenes-before" in messages.codes) == warned


def test_methods_of_one_scene_before_leave_further_ones_unread(messages: Messages) -> None:
    scene = dict(radar(WATER))
    for index in range(3):
        scene |= earlier(radar(disc(0.05), seed=20 + index), index)
    choice = choose(scene, request(method="logratio"), before=3)
    assert choice.bands == ("vh", "before:vh")
    assert any("first of 3 scenes" in text for text in messages.notes)
