"""Layers that are given by `--mask`, polygons of older products, and layers that are missing or damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from geoseg.errors import SceneError, SceneReadError, UsageError
from tests.products.ground import EAST, NORTH, SIDE, Ground, write_raster
from tests.products.quality import BY_KIND, conditions, opened, valid


def test_clouds_product_without_a_layer_is_refused(tmp_path: Path) -> None:
    layout = BY_KIND["sentinel-2-scl"]
    folder = layout.write(tmp_path, Ground(), conditions(()))
    (folder / layout.layer).unlink()
    with pytest.raises(SceneError, match="needs a quality layer"):
        opened(folder, clouds="product")


def test_a_damaged_layer_is_told(tmp_path: Path) -> None:
    layout = BY_KIND["landsat-qa-pixel"]
    folder = layout.write(tmp_path, Ground(), conditions(()))
    (folder / layout.layer).write_bytes(b"II*\x00nothing")
    with pytest.raises(SceneReadError, match="QA_PIXEL"):
        opened(folder)


@pytest.mark.parametrize("listed", ["", ":2", ":2,7-9", ":1-255"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_a_mask_raster_hides_its_values(listed: str, dtype: str, tmp_path: Path) -> None:
    folder = BY_KIND["hls-fmask"].write(tmp_path, Ground(), conditions(()))
    values = np.zeros((SIDE, SIDE), dtype)
    values[10:20], values[30:40], values[50:60], values[70:80] = 1, 2, 8, 100
    mask = write_raster(tmp_path / "mask.tif", values, pixel=30, nodata=100)
    wanted = {"": (1, 2, 8), ":2": (2,), ":2,7-9": (2, 8), ":1-255": (1, 2, 8, 100)}[listed]
    seen = valid(opened(folder, mask=f"{mask}{listed}"))
    np.testing.assert_array_equal(seen, ~np.isin(values, wanted))


@pytest.mark.parametrize("listed", ["", ":3"])
@pytest.mark.parametrize(
    ("values", "continuous"),
    [
        (np.random.default_rng(0).normal(-15, 3, (SIDE, SIDE)), True),
        (np.random.default_rng(0).random((SIDE, SIDE)), True),
        (np.tile(np.arange(SIDE) % 2, (SIDE, 1)), False),
        (np.tile(np.clip(np.arange(SIDE) / 2 - 5, 0, 1), (SIDE, 1)), False),
    ],
    ids=["backscatter", "scores", "codes", "resampled"],
)
def test_a_mask_of_continuous_values_is_refused(
    values: NDArray[np.float64], continuous: bool, listed: str, tmp_path: Path
) -> None:
    folder = BY_KIND["hls-fmask"].write(tmp_path, Ground(), conditions(()))
    mask = write_raster(tmp_path / "mask.tif", values.astype(np.float32), pixel=30)
    if not continuous:
        opened(folder, mask=f"{mask}{listed}").close()
        return
    with pytest.raises(SceneError, match="are not codes of a mask"):
        opened(folder, mask=f"{mask}{listed}")


def test_a_mask_of_polygons_hides_their_inside(tmp_path: Path) -> None:
    folder = BY_KIND["hls-fmask"].write(tmp_path, Ground(), conditions(()))
    mask = tmp_path / "mask.geojson"
    east, south = EAST + 30 * 100, NORTH - 30 * 50
    ring = [[EAST, NORTH], [east, NORTH], [east, south], [EAST, south], [EAST, NORTH]]
    mask.write_text(
        json.dumps(
            {
                "type": "FeatureCollection",
                "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}},
                "features": [
                    {
                        "type": "Feature",
                        "properties": {},
                        "geometry": {"type": "Polygon", "coordinates": [ring]},
                    }
                ],
            }
        )
    )
    expected = np.ones((SIDE, SIDE), np.bool_)
    expected[:50, :100] = False
    np.testing.assert_array_equal(valid(opened(folder, mask=str(mask))), expected)


@pytest.mark.parametrize("text", ["mask.tif:9-3", "mask.tif:1,-", "mask.tif:1-999999"])
def test_mask_values_that_make_no_sense_are_refused(text: str, tmp_path: Path) -> None:
    folder = BY_KIND["hls-fmask"].write(tmp_path, Ground(), conditions(()))
    with pytest.raises((UsageError, SceneReadError)):
        opened(folder, mask=str(tmp_path / text))


GML = """<?xml version="1.0" encoding="UTF-8"?>
<eop:Mask xmlns:eop="http://www.opengis.net/eop/2.0" xmlns:gml="http://www.opengis.net/gml/3.2" gml:id="m">
<gml:boundedBy><gml:Envelope srsName="urn:ogc:def:crs:EPSG:8.7.1:32633"/></gml:boundedBy>
<eop:maskMembers>{members}</eop:maskMembers></eop:Mask>"""


MEMBER = """<eop:MaskFeature gml:id="{kind}.0"><eop:maskType codeSpace="x">{kind}</eop:maskType><eop:extentOf>
<gml:Polygon gml:id="{kind}.0_P"><gml:exterior><gml:LinearRing>
<gml:posList srsDimension="2">{ring}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>
</eop:extentOf></eop:MaskFeature>"""


def _square(row: int, col: int, size: int = 20, pixel: float = 10.0) -> str:
    west, north = EAST + col * pixel, NORTH - row * pixel
    east, south = west + size * pixel, north - size * pixel
    return f"{west} {north} {east} {north} {east} {south} {west} {south} {west} {north}"


@pytest.mark.parametrize("cloudy", [True, False])
def test_polygons_of_older_level_1c_products_hide_clouds(cloudy: bool, tmp_path: Path) -> None:
    layout = BY_KIND["sentinel-2-scl"]
    folder = layout.write(tmp_path, Ground(), conditions(()))
    (folder / layout.layer).unlink()
    members = [
        MEMBER.format(kind="OPAQUE", ring=_square(10, 10)),
        MEMBER.format(kind="CIRRUS", ring=_square(50, 90)),
    ]
    (folder / "MSK_CLOUDS_B00.gml").write_text(GML.format(members="".join(members) if cloudy else ""))
    expected = np.ones((SIDE, SIDE), np.bool_)
    if cloudy:
        expected[10:30, 10:30] = expected[50:70, 90:110] = False
    np.testing.assert_array_equal(valid(opened(folder)), expected)


HARMONISED = "sentinel-2-l2a-harmonised"


def bands_and(folder: Path, layer: NDArray[np.generic], name: str = "Fmask", **said: Any) -> Path:
    """Write a stack of Sentinel-2 bands and a file named as its quality layer."""
    data = np.stack([np.rint(1e4 * Ground().reflectance(band)) for band in ("green", "nir", "swir16")])
    labels = ["B03", "B08", "B11"]
    path = write_raster(folder / "S2_20200605.tif", data.astype(np.uint16), descriptions=labels)
    write_raster(folder / f"S2_20200605_{name}.tif", layer, **said)
    return path


@pytest.mark.parametrize(
    ("codes", "nodata", "hidden", "told"),
    [
        ((1, 2, 3, 5), None, (2, 3), False),
        ((1, 2, 3, 4), 0, (2, 3), False),
        # Shadow without cloud and no clear land would be Fmask; clear, cloud and shadow are python-fmask.
        ((1, 1, 2, 3), None, (2, 3), True),
        ((1, 2, 3, 3), None, (2, 3), True),
        ((0, 1, 2, 3), None, (2,), True),
        ((1, 2, 3, 4), None, (2, 4), True),
        ((1, 2, 3, 4), 255, (2, 4), False),
        ((0, 2, 4, 255), None, (2, 4, 255), False),
        ((0, 1, 1, 0), None, (), False),
        ((64, 66, 72, 96), None, (66, 72), False),
    ],
)
def test_values_and_nodata_tell_files_of_fmask_apart(
    tmp_path: Path,
    codes: tuple[int, ...],
    nodata: int | None,
    hidden: tuple[int, ...],
    told: bool,
) -> None:
    layer = np.repeat(np.array(codes, np.uint8), SIDE // 4)[:, None].repeat(SIDE, axis=1)
    layer = np.concatenate([layer, layer[: SIDE - len(layer)]])
    scene = opened(bands_and(tmp_path, layer, nodata=nodata), sensor=HARMONISED, mask_dilate=0)
    seen = valid(scene)
    np.testing.assert_array_equal(seen, ~np.isin(layer, hidden))
    assert ("quality-codes-ambiguous" in {message.code for message in scene.messages}) is told


@pytest.mark.parametrize("kind", ["stack", "fractions", "codes", "floats", "described"])
def test_a_file_named_as_a_layer_must_hold_one(tmp_path: Path, kind: str) -> None:
    scl = np.full((SIDE, SIDE), 4, np.uint8)
    scl[:10] = 9
    counts = np.full((SIDE, SIDE), 800, np.uint16)
    layer, labels = {
        "stack": (np.stack([counts] * 3), ["B3", "B8", "B11"]),
        "fractions": (scl.astype(np.float32) + 0.25, []),
        "codes": (counts, []),
        "floats": (scl.astype(np.float32), []),
        "described": (np.stack([counts, scl.astype(np.uint16)]), ["B3", "SCL"]),
    }[kind]
    path = bands_and(tmp_path, layer, "scl", descriptions=labels)
    good = kind in {"floats", "described"}
    scene = opened(path, sensor=HARMONISED, mask_dilate=0)
    seen = valid(scene)
    assert not seen[:10].any() if good else seen.all()
    assert seen[10:].all()
    assert ("quality-not-used" in {message.code for message in scene.messages}) is not good


@pytest.mark.parametrize(
    ("name", "layer", "used"),
    [
        ("s2", "s2_scl", True),
        ("s2_june", "s2_june_scl", True),
        ("s2_june", "s2_scl", False),
        ("s2_20200605", "s2_scl", False),
        ("T30TXQ_B03_10m", "T30TXQ_SCL_20m", True),
        ("site_B03", "site_scl", True),
    ],
)
def test_a_layer_serves_scenes_of_its_name(tmp_path: Path, name: str, layer: str, used: bool) -> None:
    made = bands_and(tmp_path, np.full((SIDE, SIDE), 9, np.uint8), "scl")
    made = made.rename(tmp_path / f"{name}.tif")
    (tmp_path / "S2_20200605_scl.tif").rename(tmp_path / f"{layer}.tif")
    scene = opened(made, sensor=HARMONISED)
    assert bool(scene.quality.layers) is used
    assert ("quality-not-used" in {message.code for message in scene.messages}) is not used
