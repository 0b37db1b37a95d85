"""STAC items of collections, APIs and searches are scenes; assets at addresses are read on request only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from geoseg.errors import BandError, SceneError, SceneReadError
from geoseg.scenes import open_scene
from geoseg.scenes.stac import stac_product
from geoseg.scenes.stac_search import search_items
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from geoseg.spec.stac_search import StacSearchSpec
from tests.products.ground import write_raster
from tests.products.server import serving
from tests.products.stac import Table, item_collection, serving_api, stac_item, write_json

SIDE = 40
NAMES = ("S2A_33UXP_20240510_0_L2A", "S2A_33UXP_20240520_0_L2A")


@dataclass(frozen=True)
class Place:
    folder: Path
    address: str


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Two bands of two dates, at an address."""
    for number, name in enumerate(NAMES):
        for band in ("green", "nir"):
            write_raster(
                tmp_path / "bands" / f"{name}_{band}.tif", np.full((SIDE, SIDE), 1500 + number, np.uint16)
            )
    with serving(tmp_path / "bands") as at:
        yield Place(tmp_path, f"http://{at}")


def items(prefix: str) -> list[Table]:
    return [
        stac_item(name, assets={band: f"{prefix}/{name}_{band}.tif" for band in ("green", "nir")})
        for name in NAMES
    ]


def check(path: str, number: int, *, remote_assets: bool = False) -> None:
    """Whether a scene has the bands and values of one of the dates."""
    with open_scene(SceneSpec(paths=(path,), remote_assets=remote_assets), sensors()) as scene:
        assert set(scene.band_names) == {"green", "nir"}
        assert scene.name == NAMES[number]
        assert scene.sensor is not None
        assert scene.sensor.name.startswith("sentinel-2-l2a")
        assert scene.read(scene.grid.window, ["green"]).data.max() == 1500 + number


@pytest.mark.parametrize("number", [0, 1])
def test_a_collection_on_this_machine(place: Place, number: int) -> None:
    path = write_json(place.folder / "items.json", item_collection(*items("bands")))
    check(f"{path}#{NAMES[number]}", number)


@pytest.mark.parametrize("number", [0, 1])
def test_a_collection_at_an_address(place: Place, number: int) -> None:
    write_json(place.folder / "bands" / "items.json", item_collection(*items(".")))
    check(f"{place.address}/items.json#{NAMES[number]}", number)


def test_a_collection_of_several_is_no_scene(place: Place) -> None:
    path = write_json(place.folder / "items.json", item_collection(*items("bands")))
    with pytest.raises(SceneError, match="a collection of 2 STAC items"):
        check(str(path), 0)


@pytest.mark.parametrize("whole", [True, False])
def test_assets_at_addresses_of_a_local_item(place: Place, whole: bool) -> None:
    """As a search saves them."""
    table = item_collection(*items(place.address)) if whole else items(place.address)[1]
    path = write_json(place.folder / "saved.json", table)
    name = f"{path}#{NAMES[1]}" if whole else str(path)
    with pytest.raises(SceneReadError, match="add `--remote-assets`"):
        check(name, 1)
    check(name, 1, remote_assets=True)


def test_missing_files_of_a_local_item_are_left_out_with_a_warning(place: Place) -> None:
    path = place.folder / "bands" / "item.json"
    write_json(path, items(".")[0])
    (place.folder / "bands" / f"{NAMES[0]}_nir.tif").unlink()
    with open_scene(SceneSpec(paths=(str(path),)), sensors()) as scene:
        assert scene.band_names == ("green",)
        assert [message.code for message in scene.messages if message.code][:1] == ["file-unreadable"]
        with pytest.raises(BandError, match="nir"):
            scene.select(["nir"])
    (place.folder / "bands" / f"{NAMES[0]}_green.tif").unlink()
    with pytest.raises(SceneReadError, match="does not exist"):
        open_scene(SceneSpec(paths=(str(path),)), sensors())


@pytest.mark.parametrize("own_links", [True, False])
def test_what_a_search_of_an_api_finds(place: Place, own_links: bool) -> None:
    pytest.importorskip("pystac_client")
    with serving_api(items(place.address), own_links=own_links) as api:
        found = search_items(StacSearchSpec(stac=api.base))
        assert [item.name for item in found] == list(NAMES)
        for number, item in enumerate(found):
            check(item.address, number)


def test_what_a_search_of_a_collection_finds(place: Place) -> None:
    path = write_json(place.folder / "items.json", item_collection(*items("bands")))
    write_json(place.folder / "bands" / "items.json", item_collection(*items(".")))
    for address in (str(path), f"{place.address}/items.json"):
        for number, item in enumerate(search_items(StacSearchSpec(stac=address))):
            check(item.address, number)


def test_the_alternate_at_s3_for_who_pays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Items of USGS name an address that asks for a login, and one at S3 whose reader pays."""
    (table,) = items("https://landsatlook.example.org")[:1]
    for band, asset in table["assets"].items():
        asset["alternate"] = {"s3": {"href": f"s3://usgs/{band}.tif", "storage:requester_pays": True}}
    path = str(write_json(place.folder / "item.json", table))
    monkeypatch.delenv("AWS_REQUEST_PAYER", raising=False)
    found = stac_product(path, remote_assets=True)
    assert all(asset.path.startswith("/vsicurl/https://landsatlook") for asset in found.assets)
    monkeypatch.setenv("AWS_REQUEST_PAYER", "requester")
    found = stac_product(path, remote_assets=True)
    assert [asset.path for asset in found.assets] == ["/vsis3/usgs/green.tif", "/vsis3/usgs/nir.tif"]
    (near,) = items("bands")[:1]
    for asset in near["assets"].values():
        asset["alternate"] = {"s3": {"href": "s3://usgs/other.tif"}}
    check(str(write_json(place.folder / "near.json", near)), 0)
