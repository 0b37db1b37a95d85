"""Images and labels are joined by what their names share."""

from __future__ import annotations

from pathlib import Path

import geopandas
import pytest
from shapely import Point

from geoseg.errors import SceneError, SceneReadError
from geoseg.learn.samples import DataSpec, find_samples
from geoseg.learn.samples.sample_files import natural, table_rows


def test_patterns_join_by_id_and_region(labelled: DataSpec) -> None:
    found = find_samples(labelled)
    assert [sample.id for sample in found] == [f"chip_{i}" for i in range(8)]
    assert {sample.region for sample in found} == {"east", "west"}
    assert all(sample.label.stem == sample.id == sample.images[0].stem for sample in found)


def test_numbers_sort_as_numbers() -> None:
    assert sorted(["b10", "b9", "a2"], key=natural) == ["a2", "b9", "b10"]


def test_samples_are_left_out_or_kept_by_id(labelled: DataSpec) -> None:
    without = labelled.model_copy(update={"without": ("chip_3",)})
    assert "chip_3" not in [sample.id for sample in find_samples(without)]
    only = labelled.model_copy(update={"only": ("chip_3",)})
    assert [sample.id for sample in find_samples(only)] == ["chip_3"]
    with pytest.raises(SceneError, match="chip_33"):
        find_samples(labelled.model_copy(update={"without": ("chip_33",)}))


def test_an_image_without_label_is_named(labelled: DataSpec) -> None:
    (labelled.root / "east" / "label" / "chip_1.tif").unlink()
    with pytest.raises(SceneError, match=r"chip_1\.tif has no label"):
        find_samples(labelled)


def test_an_empty_folder_says_where_to_look(tmp_path: Path, labelled: DataSpec) -> None:
    with pytest.raises(SceneError, match="`--data FOLDER`"):
        find_samples(labelled.model_copy(update={"root": tmp_path / "nowhere"}))


@pytest.mark.parametrize("kind", ["csv", "gpkg"])
def test_a_table_names_the_files(kind: str, labelled: DataSpec) -> None:
    rows = [
        {"id": f"row{i}", "image": f"west/image/chip_{i}.tif", "label": f"west/label/chip_{i}.tif",
         "region": "r", "split": "train" if i else "val"}
        for i in (0, 2)
    ]  # fmt: skip
    path = labelled.root / f"table.{kind}"
    if kind == "csv":
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
        path.write_text("\n".join(lines))
    else:
        geopandas.GeoDataFrame(rows, geometry=[Point(0, 0)] * 2, crs=4326).to_file(path)
    found = find_samples(labelled.model_copy(update={"table": Path(path.name)}))
    assert [(sample.id, sample.region, sample.split) for sample in found] == [
        ("row0", "r", "val"),
        ("row2", "r", "train"),
    ]
    assert all(sample.images[0].is_file() for sample in found)


def test_a_table_that_is_none_is_refused(labelled: DataSpec) -> None:
    (labelled.root / "table.csv").write_text("id,picture\n1,a.tif\n")
    with pytest.raises(SceneError, match="row 1: the column 'image' is missing"):
        find_samples(labelled.model_copy(update={"table": Path("table.csv")}))
    with pytest.raises(SceneReadError, match=r"absent\.csv"):
        find_samples(labelled.model_copy(update={"table": Path("absent.csv")}))


@pytest.mark.parametrize("row", ["1", "1,a.tif", "1,a.tif,", ",,l.tif"])
def test_a_row_that_names_no_file_is_refused(row: str, labelled: DataSpec) -> None:
    (labelled.root / "table.csv").write_text(f"id,image,label\n0,a.tif,l.tif\n{row}\n")
    with pytest.raises(SceneError, match=r"table\.csv, row 2: (image|label) is empty"):
        find_samples(labelled.model_copy(update={"table": Path("table.csv")}))


def test_cells_beyond_the_columns_of_a_table_are_no_values(labelled: DataSpec) -> None:
    path = labelled.root / "table.csv"
    path.write_text("id,image,label,\n0,a.tif,l.tif,,more,and more\n")
    assert list(table_rows(path)) == [{"id": "0", "image": "a.tif", "label": "l.tif"}]


def test_names_that_two_regions_share_begin_with_their_region(labelled: DataSpec) -> None:
    for folder in ("image", "label"):
        one = labelled.root / "west" / folder / "chip_0.tif"
        (labelled.root / "east" / folder / "chip_0.tif").write_bytes(one.read_bytes())
    ids = {sample.id for sample in find_samples(labelled)}
    assert {"east/chip_0", "west/chip_0", "chip_1"} <= ids


def test_two_files_of_one_name_are_refused(labelled: DataSpec) -> None:
    image = labelled.root / "west" / "image" / "chip_0.tif"
    (image.parent / "chip_0.tiff").write_bytes(image.read_bytes())
    images = (labelled.images[0].model_copy(update={"files": "{region}/image/{id}.tif*"}),)
    with pytest.raises(SceneError, match="the same id west/chip_0"):
        find_samples(labelled.model_copy(update={"images": images}))


@pytest.mark.parametrize(
    ("mark", "encoding"), [("\t", "utf-16"), (";", "utf-8-sig"), ("|", "utf-8"), (",", "utf-8")]
)
def test_tables_of_spreadsheets_are_read(mark: str, encoding: str, tmp_path: Path) -> None:
    decimal = "0,5" if mark == ";" else "0.5"
    text = "\r\n".join(mark.join(row) for row in (("id", "lon", "note"), ("a", decimal, "x y"), ("b",)))
    path = tmp_path / "a.csv"
    path.write_bytes((f"sep=|\r\n{text}" if mark == "|" else text).encode(encoding))
    assert list(table_rows(path)) == [
        {"id": "a", "lon": "0.5", "note": "x y"},
        {"id": "b", "lon": "", "note": ""},
    ]
