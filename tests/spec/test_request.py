"""Requests by their options: flat names, however deeply a field is nested."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.errors import UsageError
from geoseg.spec import ChangeSpec, FacilitiesSpec, FloodSpec, PlumeSpec, SceneSpec, SegmentSpec
from geoseg.spec.option import PANELS
from geoseg.spec.request import from_options, places, to_options
from geoseg.spec.tools import VectorizeRequest

OUTPUT = {"output": "o.gpkg"}


@pytest.mark.parametrize("kind", [FloodSpec, SegmentSpec, ChangeSpec, PlumeSpec, FacilitiesSpec])
def test_every_option_has_a_place_in_the_help(kind: type[FloodSpec]) -> None:
    for place in places(kind).values():
        assert place.option.help.endswith((".", ")", "…"))
        assert place.option.group in PANELS
        assert place.field.description == place.option.help
    common = [place.name for place in places(kind).values() if place.option.common and place.offered]
    assert 6 <= len(common) <= 11


def test_scenes_beside_a_scene_share_what_is_not_their_own() -> None:
    options = {
        **OUTPUT,
        "scene": "a.tif",
        "band": ["vv=a.tif:1"],
        "before": ["b.tif", "c.tif"],
        "mask-dilate": 2,
    }
    request = from_options(FloodSpec, options)
    assert request.scene == SceneSpec(paths=("a.tif",), bands={"vv": "a.tif:1"}, mask_dilate=2)
    assert request.before == tuple(SceneSpec(paths=(path,), mask_dilate=2) for path in ("b.tif", "c.tif"))
    assert to_options(request)["before"] == ["b.tif", "c.tif"]
    assert from_options(FloodSpec, to_options(request)) == request


def test_bands_of_two_dates_are_told_by_their_prefix() -> None:
    bands = ["red=a.tif:3", "After:NIR=b.tif:4"]
    request = from_options(ChangeSpec, {**OUTPUT, "before": "a.tif", "after": "b.tif", "band": bands})
    assert request.before.bands == {"red": "a.tif:3"}
    assert request.after.bands == {"nir": "b.tif:4"}
    assert to_options(request)["band"] == {"red": "a.tif:3", "after:nir": "b.tif:4"}
    assert from_options(ChangeSpec, to_options(request)) == request


@pytest.mark.parametrize(
    ("scene", "given", "taken"),
    [
        ("a.tif", "a.tif:3", "b.tif:3"),
        ("a.tif", "./a.tif:3", "b.tif:3"),
        ("./a.tif", "a.tif", "b.tif"),
        ("a.tif", ":3", ":3"),
        ("a", "a/B04.tif:1", "b.tif/B04.tif:1"),
        ("a", "ab.tif:1", None),
    ],
)
def test_two_dates_are_laid_out_alike(scene: str, given: str, taken: str | None) -> None:
    before = SceneSpec(paths=(scene,), bands={"red": given, "dem": "d.tif"})
    request = ChangeSpec.model_validate({"before": before, "after": "b.tif", "run": OUTPUT})
    assert request.after.bands == ({"red": taken} if taken else {})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "only one scene"),
        ({"after": "b.tif", "smooth": 4}, "smooth: 4 is even"),
        ({"after": "b.tif", "band": ["red"]}, "band: 'red' is not NAME=PATH"),
        ({"after": "b.tif", "band": ["after:red"]}, "band: 'red' is not NAME=PATH"),
        ({"after": "b.tif", "band": 3}, "band: 3 is not NAME=PATH"),
        ({"after": "b.tif", "date-after": "soon"}, "date-after: 'soon' is not a date"),
        ({"after": "b.tif", "clouds": "some"}, "clouds: 'some' should be"),
        ({"after": "b.tif", "nonsense": 1}, "no option nonsense"),
    ],
)
def test_errors_name_the_option(options: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_options(ChangeSpec, {**OUTPUT, "before": "a.tif", **options})
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("like", "places_of"),
    [
        ((501000, 4999000), ((501000, 4999000),)),
        ([9.5, 45], ((9.5, 45),)),
        ("9.5,45", ((9.5, 45),)),
        (["9.5,45", (9, 44)], ((9.5, 45), (9, 44))),
        ([[9.5, 45]], ((9.5, 45),)),
    ],
)
def test_one_place_or_several(like: object, places_of: tuple[tuple[float, float], ...]) -> None:
    given = {"scene": "a.tif", "output": "a.gpkg", "like": like}
    assert from_options(SegmentSpec, given).like == places_of


@pytest.mark.parametrize("like", [(1, 2, 3), (1,), 7])
def test_what_is_no_place_is_refused(like: object) -> None:
    with pytest.raises(UsageError, match=r"like: .* is not two numbers"):
        from_options(SegmentSpec, {"scene": "a.tif", "output": "a.gpkg", "like": like})


@pytest.mark.parametrize("classes", [{1: "lake", 2: "ice:#ffffff"}, ["1=lake", "2=ice:#ffffff"]])
def test_labels_by_value_are_a_mapping_or_entries(classes: object) -> None:
    given = {"mask": "a.tif", "output": "a.gpkg", "class": classes}
    request = from_options(VectorizeRequest, given)
    assert to_options(request)["class"] == [[1, "lake", None], [2, "ice", "#ffffff"]]


def test_a_path_is_a_scene() -> None:
    run = {"output": Path("o.gpkg")}
    assert FloodSpec.model_validate({"scene": "a.tif", "run": run}).scene.paths == ("a.tif",)
    assert FloodSpec.model_validate({"scene": Path("a.tif"), "run": run}).scene.paths == ("a.tif",)
