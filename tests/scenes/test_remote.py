"""Scenes at addresses: files, STAC items, folders and products over HTTP and S3, of servers that are real."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from geoseg.errors import SceneError, SceneReadError
from geoseg.files.aws_settings import Credentials
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.objects import list_objects, signed
from geoseg.scenes.remote import may_be_folder
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import notes_of
from tests.products.enmap import CENTRES, write_enmap
from tests.products.ground import write_raster
from tests.products.netcdf import write_variables
from tests.products.server import Bucket, serving
from tests.products.zarr import write_store
from tests.satellites import write_safe
from tests.spectrometer import simulate, write_envi

SIDE = 60
TILE = "T32TQM_20210125T101031"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a bucket or server holds: bands of a date in a folder, a STAC item beside them, products."""
    root = tmp_path / "served" / "bucket"
    bands = {"B03": "green", "B08": "nir", "B11": "swir16"}
    for position, label in enumerate(bands):
        write_raster(
            root / f"scenes/one/{TILE}_{label}_10m.tif", np.full((SIDE, SIDE), 1500 + position, np.uint16)
        )
    write_raster(
        root / f"scenes/one/{TILE}_SCL_20m.tif", np.full((SIDE // 2, SIDE // 2), 4, np.uint8), pixel=20
    )
    assets = {
        name: {
            "href": f"./one/{TILE}_{label}_10m.tif",
            "type": "image/tiff",
            "eo:bands": [{"name": label, "common_name": name}],
        }
        for label, name in bands.items()
    }
    item = {"type": "Feature", "id": "S2A_32TQM_20210125_0_L2A", "properties": {}, "assets": assets}
    (root / "scenes" / "item.json").write_text(json.dumps(item))
    (root / "scenes" / "empty").mkdir()
    return root


@pytest.fixture
def http(folder: Path) -> Iterator[str]:
    with serving(folder.parent) as place:
        yield f"http://{place}/bucket"


@pytest.fixture
def s3(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with serving(folder.parent, "s3") as place:
        for name, value in {
            "AWS_S3_ENDPOINT": place,
            "AWS_HTTPS": "NO",
            "AWS_VIRTUAL_HOSTING": "FALSE",
            "AWS_ACCESS_KEY_ID": Bucket.key,
            "AWS_SECRET_ACCESS_KEY": "secret",
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_NO_SIGN_REQUEST", raising=False)
        yield "s3://bucket"


@pytest.fixture(params=["http", "s3"])
def address(request: pytest.FixtureRequest) -> str:
    """The folder by either protocol."""
    return str(request.getfixturevalue(request.param))


def scene(path: str, **more: str) -> Scene:
    return open_scene(SceneSpec(paths=(path,), **more), sensors())  # type: ignore[arg-type]


def check(opened: Scene, band: str = "green", value: float = 0.15) -> None:
    """Whether a band holds the value everywhere."""
    pixels = opened.read(opened.grid.window, [band])
    assert pixels.valid.all()
    assert pixels.physical().max() == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("name", [f"scenes/one/{TILE}_B03_10m.tif?signature=x", "scenes/item.json"])
def test_files_and_items_over_http(http: str, name: str) -> None:
    with scene(f"{http}/{name}") as opened:
        check(opened)


@pytest.mark.parametrize("name", [f"scenes/one/{TILE}_B03_10m.tif", "scenes/item.json"])
def test_files_and_items_over_s3(s3: str, name: str) -> None:
    with scene(f"{s3}/{name}") as opened:
        check(opened)


@pytest.mark.parametrize(
    "href",
    ["file:///etc/hostname", "/vsizip//tmp/a.zip/a.tif", "/vsimem/a.tif", "PG:host=localhost", "C:\\a.tif"],
)
def test_an_item_that_names_files_on_this_machine(address: str, folder: Path, href: str) -> None:
    path = folder / "scenes" / "item.json"
    table = json.loads(path.read_text())
    table["assets"]["green"]["href"] = href
    path.write_text(json.dumps(table))
    with pytest.raises(SceneReadError, match="a file on this machine"):
        scene(f"{address}/scenes/item.json")


def test_an_absolute_path_of_an_item_is_that_of_its_server(http: str, folder: Path) -> None:
    """RFC 3986, and not a path on this machine."""
    path = folder / "scenes" / "item.json"
    table = json.loads(path.read_text())
    for asset in table["assets"].values():
        asset["href"] = f"/bucket/scenes/{asset['href'][2:]}"
    path.write_text(json.dumps(table))
    with scene(f"{http}/scenes/item.json") as opened:
        check(opened)


@pytest.mark.parametrize("name", ["scenes/one/", "scenes/one"])
def test_a_folder_of_bands(address: str, name: str) -> None:
    with scene(f"{address}/{name}", sensor="sentinel-2-l2a") as opened:
        assert set(opened.band_names) == {"green", "nir", "swir16"}
        check(opened, "swir16", 0.1502)
        assert any("SCL" in note for note in notes_of(opened))


@pytest.mark.parametrize("name", ["none.tif", "none.json", "none/folder", "scenes/empty/"])
def test_an_address_of_nothing(address: str, name: str) -> None:
    with pytest.raises(SceneReadError, match=r"(none|empty).*(does not exist|cannot be read|not a raster)"):
        scene(f"{address}/{name}")


@pytest.mark.parametrize("way", ["", "/MTD_MSIL1C.xml"])
def test_a_safe_product(address: str, folder: Path, way: str) -> None:
    path = write_safe(folder / "products")
    with scene(f"{address}/products/{path.name}{way}") as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == "sentinel-2-l1c"
        assert "XML" in opened.bands[0].scaling


@pytest.mark.parametrize("way", ["", "-METADATA.XML"])
def test_an_enmap_product(address: str, folder: Path, way: str) -> None:
    path = write_enmap(folder / "products", np.full((len(CENTRES), 6, 7), 0.2), level="L2A")
    name = f"{path.name}/{path.name}{way}" if way else path.name
    with scene(f"{address}/products/{name}") as opened:
        assert len(opened.bands) == len(CENTRES)
        check(opened, opened.band_names[50], 0.2)
        assert any("QL_QUALITY_CLOUD" in note for note in notes_of(opened))


def test_a_zarr_store(address: str, folder: Path) -> None:
    write_store(folder / "made.zarr", {"green": np.full((20, 30), 0.15, np.float32)})
    with scene(f"{address}/made.zarr") as opened:
        check(opened)


def test_a_zarr_store_that_is_not_consolidated_is_refused(http: str, folder: Path) -> None:
    path = write_store(folder / "made.zarr", {"green": np.full((20, 30), 0.15, np.float32)})
    (path / ".zmetadata").unlink()
    with pytest.raises(SceneReadError, match=r"made\.zarr is not a Zarr store.*consolidated"):
        scene(f"{http}/made.zarr")


def test_a_zarr_store_whose_server_asks_for_a_header(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_store(folder / "made.zarr", {"green": np.full((20, 30), 0.15, np.float32)})
    monkeypatch.setenv("GDAL_HTTP_HEADERS", f"Authorization: Credential={Bucket.key}/")
    with (
        serving(folder.parent, "s3") as place,
        scene(f"http://{place}/bucket/made.zarr") as opened,
    ):
        check(opened)


def test_a_netcdf(address: str, folder: Path) -> None:
    write_variables(folder / "made.nc", {"green": np.full((20, 30), 0.15, np.float32)})
    with scene(f"{address}/made.nc") as opened:
        check(opened)


def test_a_cube_with_its_header_beside_it(address: str, folder: Path) -> None:
    made = simulate(8, 9)
    write_envi(folder / "cube.img", made)
    with scene(f"{address}/cube.img") as opened:
        assert len(opened.bands) == made.data.shape[-1]
        assert opened.bands[0].units == "radiance"


def test_an_archive_is_to_be_fetched(http: str, folder: Path) -> None:
    shutil.make_archive(str(folder / "one"), "zip", folder / "scenes" / "one")
    with pytest.raises(SceneReadError, match=r"one\.zip is an archive at an address; download it first"):
        scene(f"{http}/one.zip")


def test_folders_that_are_not_listed_are_told() -> None:
    with pytest.raises(SceneReadError, match=r"az:// and http\(s\):// can be listed; give the files"):
        scene("/vsioss/bucket/folder")


def test_keys_that_are_refused_are_said(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    with pytest.raises(SceneError, match=r"may not be read.*AWS_NO_SIGN_REQUEST"):
        scene(f"{s3}/scenes/one/")


def test_keys_that_are_missing_are_said(s3: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    credentials = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    with pytest.raises(SceneReadError, match="no credentials"):
        list_objects("/vsis3/bucket/scenes")
    credentials.write_text(f"[default]\naws_access_key_id = {Bucket.key}\naws_secret_access_key = x\n")
    assert len(list_objects("/vsis3/bucket/scenes/one")) == 4


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch, s3: str) -> None:
    monkeypatch.setenv("AWS_S3_ENDPOINT", "127.0.0.1:9")
    with pytest.raises(SceneReadError, match="cannot be reached"):
        scene(f"{s3}/scenes/one/")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/vsis3/b/folder", True),
        ("/vsis3/b/folder/", True),
        ("/vsicurl/https://h/HLS.S30.T33UXP.2022152T100031.v2.0", True),
        ("/vsicurl/https://h/a.tif", False),
        ("/vsicurl/https://h/a.tar.gz", False),
        ("/vsicurl/https://h/tile?z=1", False),
        ("/vsigs/b/folder", True),
        ("/vsigs/b/a.tif", False),
        ("/vsiaz/b/folder", True),
        ("/vsimem/folder", False),
    ],
)
def test_what_may_be_a_folder(path: str, expected: bool) -> None:
    assert may_be_folder(path) is expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ("lifecycle=", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    ],
)
def test_signatures_are_those_of_aws_s_documentation(query: str, expected: str) -> None:
    keys = Credentials(access="AKIAIOSFODNN7EXAMPLE", secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    now = datetime(2013, 5, 24, tzinfo=UTC)
    host = {"Host": "examplebucket.s3.amazonaws.com"}
    found = signed(keys, "/", query, host, "us-east-1", now)
    assert found["Authorization"].endswith(f"Signature={expected}")
