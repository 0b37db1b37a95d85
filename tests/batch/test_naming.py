"""Names of scenes and outputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.batch.entry import Entry
from geoseg.batch.naming import filled, found_path, safe_name, scene_name
from geoseg.errors import UsageError

ENTRY = Entry(
    scene="S2A_20210908T042701",
    paths=("/data/june/S2A_20210908T042701.tif",),
    options={"method": "mndwi"},
    columns={"country": "Côte d'Or", "date": ""},
)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b/scene.tif", "scene"),
        ("S2A_X.SAFE/", "S2A_X"),
        ("https://x.org/a/b.tif?sig=1#2", "b"),
        ("/vsicurl/https://x.org/b.nc", "b"),
        ("LC08.tar.gz", "LC08"),
        ("scene.v2.tif", "scene.v2"),
        ("/a/.tif", "tif"),
    ],
)
def test_scene_names(path: str, name: str) -> None:
    assert scene_name(path) == name


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{scene}.gpkg", "S2A_20210908T042701.gpkg"),
        ("{date}/{index}.fgb", "20210908/00003.fgb"),
        ("{folder}-{country}-{method}.gpkg", "june-Côte_d_Or-mndwi.gpkg"),
    ],
)
def test_templates(template: str, name: str) -> None:
    assert filled(template, ENTRY, 3) == name


def test_unknown_names_in_templates() -> None:
    with pytest.raises(UsageError, match=r"no \{year\} for the scene .*known are scene"):
        filled("{year}.gpkg", ENTRY, 1)
    with pytest.raises(UsageError, match="its name has no date"):
        filled("{date}.gpkg", Entry(scene="x", paths=("x.tif",)), 1)


def test_safe_names() -> None:
    assert safe_name("../a/b c") == "a_b_c"
    assert safe_name("///") == "scene"


def test_paths_are_found_beside_the_list(tmp_path: Path) -> None:
    (tmp_path / "a.tif").touch()
    assert found_path("a.tif", tmp_path) == str(tmp_path / "a.tif")
    assert found_path("https://x.org/a.tif", tmp_path) == "https://x.org/a.tif"
    for nothing in ("", "b.tif", "x" * 300, "a\0"):
        assert found_path(nothing, tmp_path) is None
