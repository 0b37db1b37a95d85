"""Products as people have them: SAFE, Landsat, HLS, STAC, folders; and what is asked for when names fail."""

from __future__ import annotations

import json
import math
import warnings
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import NotGeoreferencedWarning

from geoseg.errors import BandError, GeosegError, SceneError, SceneReadError, UsageError
from geoseg.scenes import Scene, open_scene
from geoseg.scenes.product import baseline_in
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import notes_of, warnings_of


def write(
    path: Path,
    value: int | NDArray[Any] = 2000,
    *,
    size: int = 12,
    pixel: float = 10.0,
    count: int = 1,
    names: tuple[str, ...] = (),
    **profile: Any,
) -> Path:
    """Write a raster of one value, or of an array (B, H, W)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = value if isinstance(value, np.ndarray) else np.full((count, size, size), value, np.uint16)
    options: dict[str, Any] = {
        "driver": "GTiff",
        "count": len(data),
        "dtype": data.dtype.name,
        "height": data.shape[1],
        "width": data.shape[2],
        "crs": "EPSG:32632",
        "transform": Affine(pixel, 0, 500_000, 0, -pixel, 5_000_000),
    }
    options |= profile
    if options["crs"] is None:
        del options["transform"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **options) as file:
            file.write(data)
            for index, name in enumerate(names, start=1):
                file.set_band_description(index, name)
    return path


def scene(*paths: Path | str, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def first(opened: Scene, band: str) -> float:
    """The physical value of the first pixel."""
    return float(opened.read(opened.grid.window, [band]).physical()[0, 0, 0])


S2_XML = """<?xml version="1.0"?>
<n1:Level-{level}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{level}.xsd">
 <n1:General_Info><Product_Info>
  <PRODUCT_START_TIME>2023-05-06T10:10:31.024Z</PRODUCT_START_TIME>
  <PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE></Product_Info>
  <Product_Image_Characteristics>
   <{prefix}QUANTIFICATION_VALUE unit="none">10000</{prefix}QUANTIFICATION_VALUE>
   {offsets}
  </Product_Image_Characteristics></n1:General_Info>
</n1:Level-{level}_User_Product>"""


def safe(folder: Path, *, level: str, baseline: str, offset: int | None) -> Path:
    """Write a small SAFE product with lossless JPEG 2000 bands."""
    root = (
        folder / f"S2A_MSIL{level}_20230506T101031_N{baseline.replace('.', '')}_R022_T32TQM_20230506T1.SAFE"
    )
    tag = "BOA_ADD_OFFSET" if level == "2A" else "RADIO_ADD_OFFSET"
    offsets = "" if offset is None else "".join(f'<{tag} band_id="{i}">{offset}</{tag}>' for i in range(13))
    text = S2_XML.format(
        level=level, baseline=baseline, prefix="BOA_" if level == "2A" else "", offsets=f"<L>{offsets}</L>"
    )
    root.mkdir()
    (root / f"MTD_MSIL{level}.xml").write_text(text)
    image = root / "GRANULE" / "L2A_T32TQM_A1_20230506T101032" / "IMG_DATA"
    jp2: dict[str, Any] = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES"}
    stem = "T32TQM_20230506T101031"
    if level == "2A":
        write(image / "R10m" / f"{stem}_B03_10m.jp2", 3000, size=60, **jp2)
        write(image / "R20m" / f"{stem}_B03_20m.jp2", 1, size=30, pixel=20, **jp2)
        write(image / "R20m" / f"{stem}_B8A_20m.jp2", 4000, size=30, pixel=20, **jp2)
        write(image / "R20m" / f"{stem}_SCL_20m.jp2", 4, size=30, pixel=20, **jp2)
    else:
        write(image / f"{stem}_B03.jp2", 3000, size=60, **jp2)
        write(image / f"{stem}_B10.jp2", 1100, size=30, pixel=20, **jp2)
    return root


@pytest.mark.parametrize(("level", "baseline", "offset"), [("2A", "05.09", -1000), ("1C", "04.00", -1000)])
def test_safe_applies_the_offset_of_its_xml(tmp_path: Path, level: str, baseline: str, offset: int) -> None:
    root = safe(tmp_path, level=level, baseline=baseline, offset=offset)
    with scene(root) as opened:
        assert opened.sensor is not None
        assert opened.sensor.name == f"sentinel-2-l{level.lower()}"
        assert opened.time == datetime(2023, 5, 6, 10, 10, 31, 24000, tzinfo=UTC)
        assert first(opened, "green") == pytest.approx(0.2)
        assert opened.grid.height == 60
        assert any(baseline in note and "-1000" in note for note in notes_of(opened))
        if level == "2A":
            assert opened.band_names == ("green", "nir08")
            assert opened.select(["nir08"]).grid.height == 30


def test_safe_before_baseline_04_has_no_offset(tmp_path: Path) -> None:
    root = safe(tmp_path, level="2A", baseline="02.14", offset=None)
    with scene(root / "MTD_MSIL2A.xml") as opened:
        assert first(opened, "green") == pytest.approx(0.3)


def test_zipped_safe(tmp_path: Path) -> None:
    root = safe(tmp_path, level="2A", baseline="05.09", offset=-1000)
    archive = tmp_path / "product.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in root.rglob("*"):
            file.write(path, path.relative_to(tmp_path))
    with scene(archive) as opened:
        assert first(opened, "nir08") == pytest.approx(0.3)
        assert opened.name.startswith("S2A_MSIL2A")


MTL_C2 = """GROUP = LANDSAT_METADATA_FILE
  GROUP = PRODUCT_CONTENTS
    LANDSAT_PRODUCT_ID = "LC09_{level}_193029_20230506_20230508_02_T1"
    PROCESSING_LEVEL = "{level}"
  END_GROUP = PRODUCT_CONTENTS
  GROUP = IMAGE_ATTRIBUTES
    SPACECRAFT_ID = "LANDSAT_9"
    DATE_ACQUIRED = 2023-05-06
    SCENE_CENTER_TIME = "10:04:36.4914450Z"
    SUN_ELEVATION = 30.0
  END_GROUP = IMAGE_ATTRIBUTES
  GROUP = LEVEL2_SURFACE_REFLECTANCE_PARAMETERS
    REFLECTANCE_MULT_BAND_3 = 2.75e-05
    REFLECTANCE_ADD_BAND_3 = -0.2
  END_GROUP = LEVEL2_SURFACE_REFLECTANCE_PARAMETERS
  GROUP = LEVEL1_RADIOMETRIC_RESCALING
    REFLECTANCE_MULT_BAND_3 = 2.0000E-05
    REFLECTANCE_ADD_BAND_3 = -0.100000
  END_GROUP = LEVEL1_RADIOMETRIC_RESCALING
END_GROUP = LANDSAT_METADATA_FILE
END
"""


@pytest.mark.parametrize(
    ("level", "label", "expected"),
    [
        ("L2SP", "SR_B3", 20000 * 2.75e-5 - 0.2),
        ("L1TP", "B3", (20000 * 2e-5 - 0.1) / math.sin(math.radians(30))),
    ],
)
def test_landsat_collection_2(tmp_path: Path, level: str, label: str, expected: float) -> None:
    stem = f"LC09_{level}_193029_20230506_20230508_02_T1"
    path = write(tmp_path / f"{stem}_{label}.TIF", 20000)
    write(tmp_path / f"{stem}_QA_PIXEL.TIF", 21824)
    (tmp_path / f"{stem}_MTL.txt").write_text(MTL_C2.format(level=level))
    for given in (tmp_path, path, tmp_path / f"{stem}_MTL.txt"):
        with scene(given) as opened:
            assert opened.sensor is not None
            assert opened.sensor.name == f"landsat-9-{level[:2].lower()}"
            assert opened.band_names == ("green",)
            assert first(opened, "green") == pytest.approx(expected, rel=1e-5)
            assert opened.time == datetime(2023, 5, 6, 10, 4, 36, tzinfo=UTC)


def test_landsat_level_2_without_mtl(tmp_path: Path) -> None:
    write(tmp_path / "LC08_L2SP_193029_20230506_20230508_02_T1_SR_B5.TIF", 20000)
    with scene(tmp_path) as opened:
        assert opened.band_names == ("nir08",)
        assert first(opened, "nir08") == pytest.approx(0.35, rel=1e-5)
        assert opened.select(["nir"]).band_names == ("nir",)


def test_level_1_counts_without_mtl_are_no_reflectance(tmp_path: Path) -> None:
    path = write(tmp_path / "LT05_L1TP_193029_20000506_20230508_02_T1_B4.TIF", 80)
    with scene(path) as opened:
        assert opened.units("nir08") == "dn"
        assert any("MTL" in text for text in warnings_of(opened))


@pytest.mark.parametrize(("product", "band"), [("L30", "nir08"), ("S30", "rededge071")])
def test_hls_b05_differs_between_landsat_and_sentinel(tmp_path: Path, product: str, band: str) -> None:
    data = np.full((1, 6, 6), 2500, np.int16)
    data[0, 0, 0] = -9999
    path = write(tmp_path / f"HLS.{product}.T32TQM.2023126T101031.v2.0.B05.tif", data)
    with scene(path) as opened:
        assert opened.band_names == (band,)
        assert opened.time == datetime(2023, 5, 6, 10, 10, 31, tzinfo=UTC)
        pixels = opened.read(opened.grid.window, [band])
    assert not pixels.valid[0, 0]
    assert pixels.physical()[0, 1, 1] == pytest.approx(0.25)


def item(tmp_path: Path, *, new: bool, properties: dict[str, Any], offset: float) -> Path:
    """Write a STAC item of a Sentinel-2 scene with two bands, a picture and a JPEG 2000 twin."""
    write(tmp_path / "B03.tif", 3000)
    write(tmp_path / "B04.tif", 2000)
    values = {"scale": 0.0001, "offset": offset, "nodata": 0}

    def asset(name: str, common: str) -> dict[str, Any]:
        if new:
            raster = {f"raster:{key}" if key != "nodata" else key: value for key, value in values.items()}
            bands: dict[str, Any] = {"bands": [{"name": name, "eo:common_name": common, **raster}]}
        else:
            bands = {"eo:bands": [{"name": name, "common_name": common}], "raster:bands": [values]}
        kind = "image/tiff; application=geotiff; profile=cloud-optimized"
        return {"href": f"./{name}.tif", "type": kind, "roles": ["data"], **bands}

    content = {
        "type": "Feature",
        "stac_version": "1.1.0" if new else "1.0.0",
        "id": "S2B_32TQM_20230506_0_L2A",
        "collection": "sentinel-2-l2a",
        "properties": {"datetime": "2023-05-06T10:10:31Z", **properties},
        "assets": {
            "green": asset("B03", "green"),
            "red": asset("B04", "red"),
            "green-jp2": {"href": "s3://nowhere/B03.jp2", "type": "image/jp2"},
            "visual": {"href": "TCI.tif", "type": "image/tiff", "roles": ["visual"]},
            "thumbnail": {"href": "x.jpg", "type": "image/jpeg", "roles": ["thumbnail"]},
        },
    }
    path = tmp_path / "item.json"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("new", [False, True])
def test_stac_item(tmp_path: Path, new: bool) -> None:
    with scene(item(tmp_path, new=new, properties={}, offset=-0.1)) as opened:
        assert opened.band_names == ("green", "red")
        assert opened.sensor is not None
        assert opened.sensor.name == "sentinel-2-l2a"
        assert opened.name == "S2B_32TQM_20230506_0_L2A"
        assert opened.time == datetime(2023, 5, 6, 10, 10, 31, tzinfo=UTC)
        assert first(opened, "green") == pytest.approx(0.2)


def test_names_in_descriptions_and_words(tmp_path: Path) -> None:
    path = write(tmp_path / "stack.tif", count=3, names=("B8A", "B11", "cloud probability"))
    with scene(path) as opened:
        assert opened.band_names == ("nir08", "swir16")
        assert any("left out" in note for note in notes_of(opened))
    one, two = write(tmp_path / "lake_green.tif"), write(tmp_path / "lake_nir.tif")
    with scene(one, two) as opened:
        assert opened.band_names == ("green", "nir")
        assert opened.units("green") == "dn"
        assert any("scale" in note for note in notes_of(opened))


def test_a_cube_is_named_by_wavelength(tmp_path: Path) -> None:
    centres = np.linspace(400, 2500, 60)
    data = np.ones((60, 4, 4), np.float32)
    names = tuple(f"{centre:.1f} nanometers" for centre in centres)
    path = write(tmp_path / "EMIT_L1B_RAD_001_20220815T042838.tif", data, names=names)
    with scene(path) as opened:
        assert opened.units("w400") == "radiance"
        assert len(opened.band_names) == 60
        assert opened.time == datetime(2022, 8, 15, 4, 28, 38, tzinfo=UTC)
        near = opened.select(["swir22"])
        assert near.bands[0].wavelength == pytest.approx(2.2, abs=0.02)
        assert any("is used as swir22" in note for note in notes_of(near))


def test_a_band_more_than_3_percent_off_is_not_taken(tmp_path: Path) -> None:
    centres = (*np.linspace(400, 1700, 40), 2100.0)
    names = tuple(f"{centre:.1f} nanometers" for centre in centres)
    path = write(
        tmp_path / "EMIT_L1B_RAD_001_20220815T042838.tif", np.ones((41, 4, 4), np.float32), names=names
    )
    with scene(path) as opened:
        assert opened.has("swir16")
        assert not opened.has("swir22")


def test_a_stack_without_names_asks_for_the_sensor(tmp_path: Path) -> None:
    data = np.full((6, 5, 5), 1000, np.int16)
    path = write(tmp_path / "7.tif", data)
    with pytest.raises(BandError, match=r"6 int16 bands without names.*`--sensor`.*hls.*`--band "):
        scene(path)
    with scene(path, sensor="HLS") as opened:
        assert opened.band_names == ("blue", "green", "red", "nir08", "swir16", "swir22")
        assert any("usual order of hls" in note for note in notes_of(opened))
        assert first(opened, "red") == pytest.approx(0.1)
    with pytest.raises(BandError, match=r"usual stacks of .* have 2"):
        scene(path, sensor="sentinel-1")
    with pytest.raises(UsageError, match="sentinel-2-l2a"):
        scene(path, sensor="sentinel-2-la")


def test_band_option(tmp_path: Path) -> None:
    path = write(tmp_path / "stack.tif", count=4)
    with scene(path, bands={"NIR": f"{path}:4", "green": ":2"}, sensor="sentinel-2-l2a-harmonised") as opened:
        assert opened.band_names == ("nir", "green")
        assert first(opened, "nir") == pytest.approx(0.2)
        with pytest.raises(BandError, match=r"no band swir16; it has nir, green.*`--band swir16="):
            opened.select(["swir16"])
    with pytest.raises(BandError, match="4 band"):
        scene(path, bands={"nir": f"{path}:5"})
    with pytest.raises(BandError, match="NAME=PATH"):
        scene(path, bands={"n i r": str(path)})


def test_ambiguous_labels_ask_for_the_sensor(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"B{number}.tif") for number in (2, 3, 4)]
    with pytest.raises(BandError, match=r"several sensors.*`--sensor`"):
        scene(*paths)


def _text(path: Path) -> Path:
    path.write_text("no raster, no JSON")
    return path


def _twice(folder: Path) -> Path:
    write(folder / "T32TQM_20230125T101031_B03_10m.tif")
    write(folder / "T32TQM_20230225T101031_B03_10m.tif")
    return folder


def _catalogue(folder: Path) -> Path:
    path = folder / "catalogue.json"
    path.write_text('{"type": "Catalog", "id": "x"}')
    return path


def _grd(folder: Path) -> Path:
    _text(folder / "manifest.safe")
    write(folder / "measurement" / "s1a-iw-grd-vv-20200101.tiff")
    return folder


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda folder: folder / "missing.tif", SceneReadError, "does not exist"),
        (lambda folder: _text(folder / "text.tif"), SceneReadError, "not a raster"),
        (lambda folder: folder, SceneError, "no raster files"),
        (lambda folder: _text(folder / "item.json"), SceneReadError, "not a JSON object"),
        (_twice, BandError, "band green is in"),
        (_catalogue, SceneError, "not a STAC item"),
        (_grd, SceneError, "neither calibrated"),
    ],
)
def test_what_cannot_be_a_scene(tmp_path: Path, make: Any, error: type[GeosegError], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        scene(make(tmp_path))
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("path", "baseline"),
    [
        ("S2A_MSIL2A_20230607T111213_N0509_R137_T31TCJ_20230607T111238.SAFE", 5.09),
        ("s2a_msil2a_20230607t111213_n0509_r137_t31tcj.tif", 5.09),
        ("S2A_OPER_MSI_L1C_DS_VGS4_20210908T070248_S20210908T043714_N03.01", 3.01),
        # Sen2Cor of a user, and places.
        ("S2A_MSIL2A_20230607T111213_N9999_R137_T31TCJ.SAFE", None),
        ("tile_N48_12/B04.tif", None),
        ("mosaic_n10_20_B04.tif", None),
    ],
)
def test_the_baseline_is_in_names_of_products_only(path: str, baseline: float | None) -> None:
    assert baseline_in(path) == baseline
