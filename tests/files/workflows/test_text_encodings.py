"""Texts of users are read in every encoding that editors and spreadsheets write; others name the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geoseg.batch.tables import item_entries
from geoseg.bundles.description import read_table as read_description
from geoseg.errors import GeosegError
from geoseg.files.text_tables import read_list, read_table
from geoseg.scenes import open_scene
from geoseg.scenes.paths import fetch_text
from geoseg.spec import SceneSpec
from geoseg.spec.documents import find_document
from geoseg.spec.presets import sensors

NAME = "grün"
Reader = Callable[[Path], str]

READERS: dict[str, tuple[str, str, Reader]] = {
    "STAC item": (
        "scene.json",
        json.dumps(
            {
                "type": "Feature", "stac_version": "1.0.0", "id": NAME, "geometry": None, "properties": {},
                "assets": {"green": {"href": f"{NAME}.tif", "type": "image/tiff; application=geotiff"}},
            },
            ensure_ascii=False,
        ),
        lambda path: str(open_scene(SceneSpec(paths=(str(path),)), sensors()).describe()["paths"]),
    ),
    "item collection": (
        "items.json",
        json.dumps({"type": "FeatureCollection", "features": [{"type": "Feature", "id": NAME, "assets": {}}]},
                   ensure_ascii=False),
        lambda path: item_entries(path)[0].paths[0],
    ),
    "table": ("scenes.csv", f"scene\n{NAME}.tif\n", lambda path: read_table(path).rows[0]["scene"]),
    "list": ("scenes.txt", f"{NAME}.tif\n", read_list),
    "config": ("options.yaml", f"output: {NAME}.gpkg\n", lambda path: find_document(str(path), "train")[1]),
    "description": (
        "model.json", json.dumps({"id": NAME}, ensure_ascii=False), lambda path: str(read_description(path))
    ),
    "metadata": ("MTD.xml", f"<a>{NAME}</a>", lambda path: fetch_text(str(path))),
}  # fmt: skip


@pytest.fixture(autouse=True)
def raster(tmp_path: Path) -> None:
    with rasterio.open(
        tmp_path / f"{NAME}.tif", "w", driver="GTiff", count=1, height=4, width=5, dtype="uint8",
        crs="EPSG:32633", transform=rasterio.Affine(10, 0, 500000, 0, -10, 5000000),
    ) as file:  # fmt: skip
        file.write(np.ones((1, 4, 5), np.uint8))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("kind", READERS)
def test_texts_with_a_byte_order_mark_are_read(kind: str, encoding: str, tmp_path: Path) -> None:
    name, text, read = READERS[kind]
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    assert NAME in read(path)


@pytest.mark.parametrize("kind", [kind for kind in READERS if kind != "metadata"])
def test_texts_in_latin_1_are_refused_by_name(kind: str, tmp_path: Path) -> None:
    name, text, read = READERS[kind]
    path = tmp_path / name
    path.write_text(text, encoding="latin-1")
    with pytest.raises(GeosegError, match="UTF-8") as error:
        read(path)
    assert name in str(error.value)


def test_xml_is_read_in_the_encoding_that_it_declares(tmp_path: Path) -> None:
    path = tmp_path / "MTD.xml"
    path.write_text(f'<?xml version="1.0" encoding="ISO-8859-1"?><a>{NAME}</a>', encoding="latin-1")
    assert NAME in fetch_text(str(path))
