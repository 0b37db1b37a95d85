"""Labels of any vector file: the class column is found, and what cannot be used is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely

from geoseg.errors import SceneError, SceneReadError
from geoseg.learn.fit.labels import LabelFile, classes_of, positions_of, read_labels
from tests.learn.fit.made_ground import feature, points, write_labels
from tests.messages import Messages

HERE = {"type": "Point", "coordinates": [15.0, 41.0]}
LINE = {"type": "LineString", "coordinates": [[15.0, 41.0], [15.1, 41.1]]}


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".fgb", ".shp"])
def test_the_class_column_of_any_vector_file_is_found(suffix: str, tmp_path: Path) -> None:
    source = write_labels(tmp_path / "labels.json", points(2))
    path = tmp_path / f"labels{suffix}"
    geopandas.read_file(source).to_crs("EPSG:3857").to_file(path)
    found = read_labels(path)
    assert sorted(found.names) == ["forest"] * 2 + ["open"] * 2 + ["water"] * 2
    assert found.crs is not None
    assert found.crs.to_epsg() == 3857


@pytest.mark.parametrize(
    "text",
    [
        "lon,lat,class\n15.0,41.0,water\n15.1,41.0,forest\n,,forest\n",
        "\ufeffid;Longitude;Latitude;class\r\n1;15,0;41,0;water\r\n2;15,1;41,0;forest\r\n3;;;forest\r\n",
        "lon;lat;class\n15.0;41.0; water\n15.1;41.0;forest\n;;forest\n",
    ],
)
def test_a_table_of_points_is_read(text: str, tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    found = read_labels(path)
    assert [(round(shape.x, 3), shape.y) for shape in found.shapes] == [(15.0, 41.0), (15.1, 41.0)]
    assert found.names == ("water", "forest")
    assert found.crs is not None
    assert found.crs.to_epsg() == 4326


@pytest.mark.parametrize(
    ("columns", "named", "expected"),
    [
        ({"id": 1, "Label": "water"}, None, "water"),
        ({"id": 1, "ground": "water"}, None, "water"),
        ({"class": "old", "ground": "water"}, "ground", "water"),
        ({"id": 1, "class": 7}, None, 7),
        ({"id": 1, "class": 7.0}, None, 7),
        ({"id": 1, "class": "7"}, None, 7),
        ({"id": 1, "class": " open  water "}, None, "open water"),
    ],
)
def test_the_class_of_a_feature(
    columns: dict[str, Any], named: str | None, expected: object, tmp_path: Path
) -> None:
    path = write_labels(tmp_path / "labels.geojson", [feature(HERE, **columns)])
    assert read_labels(path, named).names == (expected,)


@pytest.mark.parametrize(
    ("features", "named", "text"),
    [
        ([feature(HERE, class_="x")], "soil", "the column 'soil' is missing; columns are class_"),
        ([feature(HERE, a="x", b="y")], None, "which column is the class is not clear"),
        ([feature(HERE, id=1)], None, "which column is the class is not clear"),
        ([feature(HERE, **{"class": None})], None, "no feature has a class"),
        ([feature(HERE, **{"class": "  "})], None, "no feature has a class"),
        ([feature(LINE, **{"class": "road"})], None, "features are linestrings, not points or polygons"),
    ],
)
def test_labels_that_cannot_be_used_are_an_error(
    features: list[dict[str, Any]], named: str | None, text: str, tmp_path: Path
) -> None:
    path = write_labels(tmp_path / "labels.geojson", features)
    with pytest.raises(SceneError, match=text):
        read_labels(path, named)


def test_labels_without_a_class_are_left_out_with_a_warning(tmp_path: Path, messages: Messages) -> None:
    features = [feature(HERE, **{"class": name}) for name in ("water", None, "", "forest", "NULL")]
    found = read_labels(write_labels(tmp_path / "labels.geojson", features))
    assert found.names == ("water", "forest")
    assert messages.codes == ["labels-left-out"]


def test_parts_of_a_feature_are_labels_of_its_class(tmp_path: Path) -> None:
    many = {"type": "MultiPoint", "coordinates": [[15.0, 41.0], [15.1, 41.0]]}
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}
    path = write_labels(
        tmp_path / "l.geojson", [feature(many, **{"class": "a"}), feature(bow, **{"class": "b"})]
    )
    found = read_labels(path)
    assert found.names == ("a", "a", "b", "b")
    assert shapely.is_valid(found.shapes).all()


def labelled(*names: int | str) -> LabelFile:
    shapes = np.asarray(shapely.points(np.zeros((len(names), 2))), object)
    return LabelFile(path=Path("labels.gpkg"), shapes=shapes, names=names, crs=None)


@pytest.mark.parametrize(
    ("names", "values", "background"),
    [
        (("water", "forest", "Water"), [(1, "forest"), (2, "water")], None),
        (("water", "land"), [(0, "land"), (1, "water")], 0),
        (("water", "background", "ice"), [(0, "background"), (1, "ice"), (2, "water")], 0),
        ((3, 1, 3), [(1, "class 1"), (3, "class 3")], None),
        ((1, 0), [(0, "class 0"), (1, "class 1")], 0),
        ((1, 254), [(1, "class 1"), (254, "class 254")], None),
        ((512, 311, 1), [(1, "class 1"), (2, "class 311"), (3, "class 512")], None),
        ((255, 0), [(0, "class 0"), (1, "class 255")], 0),
    ],
)
def test_values_of_classes(
    names: tuple[int | str, ...], values: list[tuple[int, str]], background: int | None
) -> None:
    file = labelled(*names)
    classes, found, order = classes_of([file])
    assert [(item.value, item.label) for item in classes] == values
    assert found == background
    assert len({item.colour for item in classes}) == len(classes)
    own = positions_of([file], order)
    assert [str(names[i]).casefold() in classes[own[i]].label for i in range(len(names))] == [True] * len(
        names
    )


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (("water", "water"), "all labels have the class water"),
        (("water", 3), r"a number \(3\) and a name \(water\)"),
        ((1, 70_000), "70000 is not a class"),
        (tuple(range(100)), "100 different values, which are not classes"),
    ],
)
def test_classes_that_cannot_be_fitted_are_an_error(names: tuple[int | str, ...], text: str) -> None:
    with pytest.raises(SceneError, match=text):
        classes_of([labelled(*names)])


def test_a_name_without_end_is_damage() -> None:
    with pytest.raises(SceneReadError, match=r"the name of a class has 3,000 characters"):
        classes_of([labelled("water", "x" * 3000)])


def test_known_classes_have_the_colours_that_readers_expect() -> None:
    classes, _, _ = classes_of([labelled("Water", "Built-up area", "forest", "x", "lake")])
    colours = {item.label: item.colour for item in classes}
    assert colours["Built-up area"] == "#e31a1c"
    assert colours["forest"] == "#33a02c"
    assert "#1f78b4" in {colours["Water"], colours["lake"]}
    assert len(set(colours.values())) == 5
