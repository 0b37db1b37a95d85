"""Tables of scenes: columns that are paths, names, options and further values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from pyogrio import raw

from geoseg.batch.inputs import read_inputs
from geoseg.batch.tasks import task_of
from geoseg.errors import SceneReadError, UsageError
from tests.batch.lakes import write_lake


def table(folder: Path, text: str, name: str = "scenes.csv") -> str:
    for scene in ("a.tif", "b.tif"):
        write_lake(folder / scene)
    (folder / name).write_text(text, encoding="utf-8-sig")
    return str(folder / name)


def test_columns_override_options(tmp_path: Path) -> None:
    text = "id,path,method,permanent_water,country\nfirst,a.tif,mndwi,b.tif,DE\n,b.tif,,,FR\n,,,,\n"
    one, two = read_inputs([table(tmp_path, text)], task_of("flood"))
    assert one.scene == "first"
    assert one.paths == (str(tmp_path / "a.tif"),)
    assert one.options == {"method": "mndwi", "permanent-water": str(tmp_path / "b.tif")}
    assert one.columns["country"] == "DE"
    assert (two.scene, dict(two.options), two.columns["country"]) == ("b", {}, "FR")


def test_semicolons_separate_values_or_columns(tmp_path: Path) -> None:
    one = read_inputs([table(tmp_path, "scene,before\na.tif,b.tif;a.tif\n")], task_of("flood"))[0]
    assert one.options["before"] == [str(tmp_path / "b.tif"), str(tmp_path / "a.tif")]
    one = read_inputs([table(tmp_path, "scene;method\na.tif;mndwi\n")], task_of("flood"))[0]
    assert one.options == {"method": "mndwi"}
    one = read_inputs([table(tmp_path, "scene\tband\na.tif\tgreen=b.tif\n", "x.tsv")], task_of("flood"))[0]
    assert one.options == {"band": f"green={tmp_path / 'b.tif'}"}


def test_decimal_commas_of_numbers(tmp_path: Path) -> None:
    text = "scene;threshold;min_area;bbox;country\na.tif;0,5;-1,25;1,2,3,4;1,5\n"
    one = read_inputs([table(tmp_path, text)], task_of("flood"))[0]
    assert one.options == {"threshold": "0.5", "min-area": "-1.25", "bbox": "1,2,3,4"}
    assert one.columns["country"] == "1,5"
    one = read_inputs([table(tmp_path, "scene;like\na.tif;9,45\n")], task_of("segment"))[0]
    assert one.options == {"like": "9,45"}
    one = read_inputs([table(tmp_path, "scene;wind\na.tif;4,5\n")], task_of("methane plume"))[0]
    assert one.options == {"wind": "4.5"}


def test_the_subject_of_the_task_is_a_column(tmp_path: Path) -> None:
    one = read_inputs([table(tmp_path, "before,after\na.tif,b.tif\n")], task_of("change"))[0]
    assert (one.paths, one.options) == ((str(tmp_path / "b.tif"),), {"before": str(tmp_path / "a.tif")})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scene,permanent-wather\na.tif,x\n", "did you mean permanent-water"),
        ("scene,output\na.tif,x\n", "set by the batch for all scenes"),
        ("picture\na.tif\n", "has no column of paths"),
    ],
)
def test_columns_that_are_refused(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        read_inputs([table(tmp_path, text)], task_of("flood"))


@pytest.mark.parametrize(
    ("task", "column", "meant"),
    [
        ("vectorize", "classes", "did you mean class?"),
        ("flood", "thresh", "did you mean threshold?"),
        ("flood", "like", "it is an option of batch segment"),
        ("vectorize", "before", "it is an option of batch flood"),
    ],
)
def test_columns_that_may_be_meant_as_options(
    task: str, column: str, meant: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = f"scene,{column}\na.tif,x\n"
    (one,) = read_inputs([table(tmp_path, text)], task_of(task))
    assert one.columns[column] == "x"
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert warning.__dict__["code"] == "column-unused"
    assert f"the column {column} is no option of batch {task}" in warning.getMessage()
    assert meant in warning.getMessage()


def test_own_columns_are_not_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = "date,country,region,mgrs,path,location,platform,cloud_cover,orbit,event,comment,geometry,datetime"
    for task in ("flood", "vectorize", "change", "segment", "methane plume"):
        text = f"scene,id,name,{own}\na.tif\n"
        read_inputs([table(tmp_path, text)], task_of(task))
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_table_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"scene\n\xff\xfe")
    with pytest.raises(SceneReadError, match="is not a table in UTF-8"):
        read_inputs([str(tmp_path / "x.csv")], task_of("flood"))


@pytest.mark.parametrize("name", ["tiles.gpkg", "tiles.geojson"])
def test_footprints(name: str, tmp_path: Path) -> None:
    write_lake(tmp_path / "a.tif")
    raw.write(
        tmp_path / name,
        geometry=shapely.to_wkb(np.array([shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)], object)),
        field_data=[np.array(["a.tif", ""], object), np.array(["mndwi", "ndwi"], object)],
        fields=np.array(["location", "method"], object),
        crs="EPSG:4326",
        geometry_type="Polygon",
    )
    (entry,) = read_inputs([str(tmp_path / name)], task_of("flood"))
    assert entry.paths == (str(tmp_path / "a.tif"),)
    assert entry.options == {"method": "mndwi"}


def test_names_of_files_may_hold_the_separator(tmp_path: Path) -> None:
    for name in ("a;1.tif", "b;1.tif"):
        (tmp_path / name).touch()
    (one,) = read_inputs([table(tmp_path, 'scene,before\n"a;1.tif","b;1.tif"\n')], task_of("flood"))
    assert one.paths == (str(tmp_path / "a;1.tif"),)
    assert one.options["before"] == str(tmp_path / "b;1.tif")
