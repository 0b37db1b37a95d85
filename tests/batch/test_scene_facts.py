"""Facts of products: relative orbit, cloud cover, outline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geoseg.batch.scene_facts import cloud_cover, read_facts, relative_orbit
from geoseg.spec import SceneSpec
from tests.batch.lakes import write_lake
from tests.products.server import serving


@pytest.mark.parametrize(
    ("path", "orbit"),
    [
        # Absolute and relative orbits as in the STEP forum thread of ORBIT_OFFSETS.
        ("S1A_IW_GRDH_1SDV_20170909T175748_20170909T175813_018302_01EC88_98A1", "30"),
        ("S1B_IW_GRDH_1SDV_20170903T175659_20170903T175724_007231_00CBEF_874B", "30"),
        ("S1C_IW_GRDH_1SDV_20250909T175748_20250909T175813_004302_01EC88_98A1", ""),
        ("/x/S2A_MSIL2A_20230821T221941_N0509_R029_T01KAB_20230822T021825.SAFE", "029"),
        ("LC08_L2SP_008059_20191201_20200825_02_T1", "008059"),
        ("scene.tif", ""),
    ],
)
def test_relative_orbits(path: str, orbit: str) -> None:
    assert relative_orbit(path) == orbit


def test_the_manifest_of_later_satellites(tmp_path: Path) -> None:
    product = tmp_path / "S1C_IW_GRDH_1SDV_20250909T175748_20250909T175813_004302_01EC88_98A1.SAFE"
    product.mkdir()
    (product / "manifest.safe").write_text(
        '<safe:relativeOrbitNumber type="start">117</safe:relativeOrbitNumber>'
    )
    assert relative_orbit(str(product)) == "117"


def test_items_and_products_state_cloud(tmp_path: Path) -> None:
    item = tmp_path / "item.json"
    item.write_text(json.dumps({"properties": {"eo:cloud_cover": 12.5, "sat:relative_orbit": 7}}))
    assert (cloud_cover(str(item)), relative_orbit(str(item))) == (12.5, "7")
    (tmp_path / "LC08_MTL.txt").write_text("  CLOUD_COVER_LAND = 3.0\n  CLOUD_COVER = 40.25\n")
    assert cloud_cover(str(tmp_path)) == 40.25
    item.write_text("{")
    assert cloud_cover(str(item)) is None


def test_items_of_collections_and_addresses_state_cloud_and_orbit(tmp_path: Path) -> None:
    """A search finds scenes at addresses, or in an item collection."""
    items = [
        {"type": "Feature", "id": name, "properties": {"eo:cloud_cover": cloud, "sat:relative_orbit": orbit}}
        for name, cloud, orbit in (("a", 5, 22), ("b", 50, 65))
    ]
    (tmp_path / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    (tmp_path / "b.json").write_text(json.dumps(items[1]))
    with serving(tmp_path) as at:
        for place in (str(tmp_path), f"http://{at}"):
            for path in (f"{place}/items.json#b", f"{place}/b.json"):
                assert (cloud_cover(path), relative_orbit(path)) == (50, "65")


def test_a_scene(tmp_path: Path) -> None:
    facts = read_facts(SceneSpec(paths=(str(write_lake(tmp_path / "t_20210610.tif")),)))
    assert facts.time is not None
    assert facts.outline is not None
    west, south, east, north = facts.outline.bounds
    assert (west, north) == pytest.approx((15.0, 41.55), abs=0.01)
    assert east - west == pytest.approx(480 / 83_500, rel=0.02)
    assert north - south == pytest.approx(480 / 111_000, rel=0.02)
