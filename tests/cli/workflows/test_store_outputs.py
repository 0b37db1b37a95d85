"""Maps written to a store: the same files as on this machine, and all of them or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio

from geoseg.files.store_path import StorePath
from tests.products.ground import write_raster
from tests.stores import BUCKET, empty_bucket, keys, refusing, serving_s3, variables

Geoseg = Callable[..., tuple[str, str]]
NAMES = ("blue", "green", "red", "nir", "swir16", "swir22")
FLOOD = ("--sensor", "sentinel-2-l2a", "--method", "ndwi", "--threshold", "0")


@pytest.fixture(scope="module")
def module_server() -> Iterator[str]:
    with serving_s3() as place:
        yield place


@pytest.fixture
def server(module_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    empty_bucket(module_server)
    lead(module_server, monkeypatch)
    monkeypatch.setenv("GEOSEG_OFFLINE", "")
    monkeypatch.delenv("AWS_NO_SIGN_REQUEST", raising=False)
    return module_server


def lead(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables(place).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Half water, half land."""
    bands = np.full((6, 40, 40), 1500, np.uint16) + np.arange(40, dtype=np.uint16)
    bands[1, :, :20] += 1500
    return write_raster(tmp_path / "scene.tif", bands, descriptions=NAMES)


def content(name: str) -> bytes:
    return StorePath(f"s3://{BUCKET}/{name}").read_bytes()


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson", ".parquet"])
def test_every_format(suffix: str, scene: Path, server: str, geoseg: Geoseg, tmp_path: Path) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    here, there = tmp_path / f"map{suffix}", f"s3://{BUCKET}/map{suffix}"
    geoseg("flood", scene, *FLOOD, "-o", here)
    geoseg("flood", scene, *FLOOD, "-o", there)
    assert keys(server) == sorted(item.name for item in tmp_path.glob("map*"))
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    for name in keys(server):
        (fetched / name).write_bytes(content(name))
    if suffix == ".parquet":
        import geopandas  # noqa: PLC0415 - with pyarrow

        made, same = (geopandas.read_parquet(folder / here.name) for folder in (fetched, tmp_path))
    else:
        made, same = (pyogrio.read_dataframe(folder / here.name, layer=0) for folder in (fetched, tmp_path))
    assert len(made)
    assert made.equals(same)
    out, _ = geoseg("info", there, "--json")
    assert json.loads(out)["outputs"][0] == there


def test_rasters_and_pictures(scene: Path, server: str, geoseg: Geoseg, tmp_path: Path) -> None:
    """Also beside a map on this machine; the record names objects by their addresses."""
    there = f"s3://{BUCKET}/deep/folder"
    rasters = ("--raster", f"{there}/map.tif", "--picture", f"{there}/map.png")
    out, _ = geoseg("flood", scene, *FLOOD, "-o", tmp_path / "map.gpkg", *rasters, "--json")
    record = json.loads(out)
    assert record["outputs"][1:] == [f"{there}/map.tif", f"{there}/map.png"]
    assert record["command"]["run"]["raster"] == f"{there}/map.tif"
    assert keys(server) == ["deep/folder/map.png", "deep/folder/map.tif"]
    with rasterio.open(f"{there}/map.tif") as dataset:
        assert dataset.read(1)[:, :20].min() == 1
    out, _ = geoseg("info", f"{there}/map.tif")
    assert "map.gpkg" in out


def test_a_scene_and_its_map_in_one_bucket(scene: Path, server: str, geoseg: Geoseg) -> None:
    from geoseg.files.stores import upload  # noqa: PLC0415 - needs obstore

    there = StorePath(f"s3://{BUCKET}/scene.tif")
    upload(scene, there, overwrite=False)
    geoseg("flood", there, *FLOOD, "-o", f"s3://{BUCKET}/map.gpkg")
    for spelling in (str(there), there.gdal_path):
        words = (*FLOOD, "-o", f"s3://{BUCKET}/map.gpkg", "--raster", spelling, "--overwrite")
        _, err = geoseg("flood", there, *words, code=6)
        assert "is an input" in err
    assert content("scene.tif") == scene.read_bytes()


def test_an_object_is_replaced_on_request_only(scene: Path, server: str, geoseg: Geoseg) -> None:
    there = f"s3://{BUCKET}/map.gpkg"
    geoseg("flood", scene, *FLOOD, "-o", there)
    before = content("map.gpkg")
    _, err = geoseg("flood", scene, *FLOOD, "-o", there, code=6)
    assert f"{there}: exists; add `--overwrite`" in err
    assert content("map.gpkg") == before
    geoseg("flood", scene, *FLOOD, "-o", there, "--overwrite")
    assert keys(server) == ["map.gpkg"]


def test_an_upload_that_fails(
    scene: Path, server: str, geoseg: Geoseg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left that looks finished, here or there."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", None)
    words = ("-o", f"s3://{BUCKET}/map.fgb", "--raster", tmp_path / "map.tif")
    with refusing(server, r"PUT .*/map\.fgb") as place:
        lead(place, monkeypatch)
        _, err = geoseg("flood", scene, *FLOOD, *words, code=6)
    assert "map.fgb: cannot be written" in err
    assert keys(server) == []
    assert not (tmp_path / "map.tif").exists()
    assert not list(scratch.iterdir())


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("s3://none/map.gpkg", "there is no s3://none"),
        ("s3://box.gpkg", "is a folder; name a file in it"),
    ],
)
def test_outputs_that_cannot_be(output: str, said: str, scene: Path, server: str, geoseg: Geoseg) -> None:
    assert said in geoseg("flood", scene, *FLOOD, "-o", output, code=6)[1]


def test_other_commands(scene: Path, server: str, geoseg: Geoseg) -> None:
    later = scene.with_name("later.tif")
    with rasterio.open(scene) as file:
        profile, values, names = file.profile, file.read(), file.descriptions
    with rasterio.open(later, "w", **profile) as file:
        file.write(np.roll(values, 5, axis=1))
        file.descriptions = names
    outputs = ("-o", f"s3://{BUCKET}/change.gpkg", "--matrix", f"s3://{BUCKET}/matrix.csv")
    geoseg("change", scene, later, *outputs)
    geoseg("flood", scene, *FLOOD, "-o", f"s3://{BUCKET}/map.gpkg", "--raster", f"s3://{BUCKET}/map.tif")
    geoseg("vectorize", f"s3://{BUCKET}/map.tif", "-o", f"s3://{BUCKET}/polygons.gpkg")
    assert "polygons.gpkg" in keys(server)


def test_offline(scene: Path, server: str, geoseg: Geoseg) -> None:
    _, err = geoseg("flood", scene, *FLOOD, "-o", f"s3://{BUCKET}/map.gpkg", "--offline", code=6)
    assert "--offline" in err
    assert keys(server) == []


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "sample", "map.tif", "-n", "5", "-o", "s3://bucket/points.gpkg"),
        ("evaluate", "area", "map.tif", "points.gpkg", "-o", "s3://bucket/report"),
        ("train", "my.yaml", "-o", "s3://bucket/run"),
        ("export", "run", "-o", "/vsis3/bucket/bundle"),
    ],
)
def test_what_is_written_on_this_machine_only(
    words: tuple[str, ...], geoseg: Geoseg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no folder `s3:` is made."""
    monkeypatch.chdir(tmp_path)
    _, err = geoseg(*words, code=2)
    assert "is in a store, and only maps are written there" in err
    assert not list(tmp_path.iterdir())


def test_a_folder_of_bands_in_a_store(server: str, geoseg: Geoseg, tmp_path: Path) -> None:
    from geoseg.files.stores import upload  # noqa: PLC0415 - needs obstore

    for number, name in enumerate(("B03", "B08", "B11")):
        file = f"T33UXP_20240510T101031_{name}_10m.tif"
        made = write_raster(tmp_path / file, np.full((40, 40), 1500 + 500 * number, np.uint16))
        upload(made, StorePath(f"s3://{BUCKET}/scene/{file}"), overwrite=False)
    out, _ = geoseg("info", f"s3://{BUCKET}/scene", "--sensor", "sentinel-2-l2a")
    assert all(name in out for name in ("green", "nir", "swir16"))
    geoseg("flood", f"s3://{BUCKET}/scene/", *FLOOD, "-o", f"s3://{BUCKET}/map.gpkg")
    assert "map.gpkg" in keys(server)


def test_a_saved_request(scene: Path, server: str, geoseg: Geoseg, tmp_path: Path) -> None:
    """--print-config writes the address, which --config reads."""
    out, _ = geoseg("flood", scene, *FLOOD, "-o", f"s3://{BUCKET}/map.gpkg", "--print-config")
    (tmp_path / "run.yaml").write_text(out)
    geoseg("flood", "--config", tmp_path / "run.yaml")
    assert keys(server) == ["map.gpkg"]
