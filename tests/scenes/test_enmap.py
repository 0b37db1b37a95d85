"""EnMAP products as delivered: wavelengths, radiance and reflectance by METADATA.XML, layers kept apart."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geoseg.errors import SceneError, SceneReadError
from geoseg.scenes import Scene, open_scene
from geoseg.spec import SceneSpec
from geoseg.spec.presets import sensors
from tests.messages import notes_of, warnings_of
from tests.products.enmap import CENTRES, LAYERS, WIDTHS, enmap_name, tarred, write_enmap, zipped


def scene(*paths: Path, **request: Any) -> Scene:
    return open_scene(SceneSpec(paths=tuple(map(str, paths)), **request), sensors())


def radiance() -> NDArray[np.float64]:
    """(224, 9, 8) in W m-2 sr-1 um-1; the last pixel was not observed."""
    cube = 80 * np.exp(-CENTRES / 900)[:, None, None] * (1 + 0.02 * np.arange(72).reshape(9, 8))
    cube[:, -1, -1] = np.nan
    return np.asarray(cube)


def check(opened: Scene, expected: NDArray[np.float64], step: float) -> None:
    """Whether all bands hold these values, to half a count."""
    assert len(opened.bands) == len(CENTRES)
    np.testing.assert_allclose([1000 * (band.wavelength or 0) for band in opened.bands], CENTRES, atol=1e-3)
    np.testing.assert_allclose([1000 * (band.fwhm or 0) for band in opened.bands], WIDTHS, atol=1e-2)
    pixels = opened.read(opened.grid.window, opened.band_names)
    seen = np.isfinite(expected[0])
    np.testing.assert_array_equal(pixels.valid, seen)
    np.testing.assert_allclose(pixels.physical()[:, seen], expected[:, seen], atol=step)


def test_a_folder_of_level_1c_is_radiance_at_the_wavelengths_of_its_metadata(tmp_path: Path) -> None:
    with scene(write_enmap(tmp_path, radiance())) as opened:
        check(opened, radiance(), 0.006)
        assert opened.sensor is not None
        assert opened.sensor.name == "enmap"
        assert {band.units for band in opened.bands} == {"radiance"}
        assert opened.time == datetime(2023, 6, 1, 8, 30, 15, 123456, tzinfo=UTC)
        assert opened.platform == "enmap"
        assert opened.geometry is not None
        assert opened.geometry.sun_zenith == pytest.approx(32)
        assert opened.geometry.view_zenith(()) == pytest.approx(6.08, abs=0.01)
        assert opened.grid.crs is not None
        assert opened.name == enmap_name("L1C")
        aside = {item.name for item in opened.metadata.left_out}
        masks = {"QUALITY_CLOUD", "QUALITY_CLOUDSHADOW", "QUALITY_SNOW"}
        assert aside == {f"{opened.name}-QL_{layer}.TIF" for layer in set(LAYERS) - masks}
        assert any(all(f"QL_{mask}" in note for mask in masks) for note in notes_of(opened))


@pytest.mark.parametrize(
    "way", ["metadata", "image", "zip", ".tar", ".tar.gz", ".tgz", "renamed", "parent", "both", "prefix"]
)
def test_a_product_is_given_in_many_ways(tmp_path: Path, way: str) -> None:
    folder = write_enmap(tmp_path / "order", radiance())
    image, xml = (folder / f"{folder.name}-{end}" for end in ("SPECTRAL_IMAGE.TIF", "METADATA.XML"))
    ways = {
        "metadata": [xml],
        "image": [image],
        "zip": [zipped(folder)],
        "renamed": [shutil.copytree(folder, tmp_path / "HLS.S30.T33UXP.2023152T100031.v2.0")],
        "parent": [folder.parent],
        "both": [image, xml],
        "prefix": [],
    }
    if way.startswith("."):
        ways[way] = [tarred(folder, way)]
    if way == "prefix":
        for path in list(folder.iterdir()):
            path.rename(folder / f"scene_{path.name.removeprefix(folder.name)[1:]}".replace(".XML", ".xml"))
        ways[way] = [folder / "scene_SPECTRAL_IMAGE.TIF"]
    with scene(*ways[way]) as opened:
        check(opened, radiance(), 0.006)
        assert {band.units for band in opened.bands} == {"radiance"}


@pytest.mark.parametrize("suffix", ["BSQ", "JP2"])
def test_other_formats_of_the_image_are_read(tmp_path: Path, suffix: str) -> None:
    with scene(write_enmap(tmp_path, radiance(), suffix=suffix, nodata=False)) as opened:
        check(opened, radiance(), 0.006)


def test_names_of_the_catalogue_s_cogs_are_known(tmp_path: Path) -> None:
    folder = write_enmap(tmp_path, np.full((224, 9, 8), 0.2), level="L2A")
    for path in folder.glob("*.TIF"):
        path.rename(path.with_name(path.stem + "_COG.tiff"))
    with scene(folder) as opened:
        check(opened, np.full((224, 9, 8), 0.2), 1e-4)
        assert len(opened.metadata.left_out) == len(LAYERS) - 3


def test_level_2a_is_surface_reflectance(tmp_path: Path) -> None:
    cube = np.where(np.isnan(radiance()), np.nan, 0.002 * np.arange(224)[:, None, None] + 0.01)
    with scene(write_enmap(tmp_path, cube, level="L2A")) as opened:
        check(opened, cube, 1e-4)
        assert opened.sensor is not None
        assert opened.sensor.surface
        assert {band.units for band in opened.bands} == {"reflectance"}
        assert opened.select(["green", "nir", "swir16"]).band_names == ("green", "nir", "swir16")


def test_bands_that_the_product_does_not_hold_are_left_out(tmp_path: Path) -> None:
    with scene(write_enmap(tmp_path, radiance(), expected=range(4, 220))) as opened:
        assert len(opened.bands) == 216
        assert opened.bands[0].wavelength == pytest.approx(CENTRES[3] / 1000, abs=1e-6)
        assert any("8 bands" in note and "left out" in note for note in notes_of(opened))


def test_level_1b_is_refused_with_the_remedy(tmp_path: Path) -> None:
    folder = write_enmap(tmp_path, radiance(), level="L1B")
    for path in (folder, folder / f"{folder.name}-METADATA.XML"):
        with pytest.raises(SceneError, match=r"level 1B.*order level 1C, or orthorectify"):
            scene(path)


def test_one_detector_of_level_1b_has_its_own_wavelengths(tmp_path: Path) -> None:
    folder = write_enmap(tmp_path, radiance(), level="L1B")
    with scene(folder / f"{folder.name}-SPECTRAL_IMAGE_SWIR.TIF") as opened:
        found = [1000 * (band.wavelength or 0) for band in opened.bands]
        np.testing.assert_allclose(found, CENTRES[91:], atol=1e-3)
        assert opened.units("w2445") == "radiance"
        assert any("no CRS" in text for text in warnings_of(opened))


def test_an_image_without_metadata_says_what_is_missing(tmp_path: Path) -> None:
    folder = write_enmap(tmp_path, radiance())
    (folder / f"{folder.name}-METADATA.XML").unlink()
    with pytest.raises(SceneError, match=r"METADATA\.XML"):
        scene(folder / f"{folder.name}-SPECTRAL_IMAGE.TIF")
    with pytest.raises(SceneError, match=r"METADATA\.XML"):
        scene(folder)


def test_damaged_metadata_are_said(tmp_path: Path) -> None:
    folder = write_enmap(tmp_path, radiance())
    xml = folder / f"{folder.name}-METADATA.XML"
    xml.write_text(xml.read_text()[:-40])
    with pytest.raises(SceneReadError, match="damaged"):
        scene(folder)
    xml.write_text("<level_X><specific><bandCharacterisation><bandID><FWHMOfBand>8</FWHMOfBand></bandID>"
                   "</bandCharacterisation></specific></level_X>")  # fmt: skip
    with pytest.raises(SceneError, match="no wavelength for band"):
        scene(folder)


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_stac_item_tells_wavelengths(tmp_path: Path, version: str) -> None:
    folder = write_enmap(tmp_path, np.full((224, 9, 8), 0.2), level="L2A")
    prefix = "eo:" if version == "1.1" else ""
    bands = [
        {
            "name": f"band {n}",
            f"{prefix}center_wavelength": nm / 1000,
            f"{prefix}full_width_half_max": w / 1000,
        }
        for n, (nm, w) in enumerate(zip(CENTRES, WIDTHS, strict=True), start=1)
    ]
    image = {
        "href": f"./{folder.name}-SPECTRAL_IMAGE.TIF",
        "type": "image/tiff; application=geotiff",
        ("bands" if version == "1.1" else "eo:bands"): bands,
    }
    assets = {
        "image": image,
        "cloud": {"href": f"./{folder.name}-QL_QUALITY_CLOUD.TIF", "type": "image/tiff"},
    }
    item = {"type": "Feature", "id": folder.name, "properties": {}, "assets": assets}
    (folder / "item.json").write_text(json.dumps(item))
    with scene(folder / "item.json") as opened:
        check(opened, np.full((9, 8), 0.2)[None].repeat(224, axis=0), 1e-4)
        assert opened.sensor is not None
        assert opened.sensor.name == "enmap-l2a"


def test_whole_numbers_without_gains_are_bare_counts(tmp_path: Path) -> None:
    folder = write_enmap(tmp_path, radiance())
    with rasterio.open(folder / f"{folder.name}-SPECTRAL_IMAGE.TIF", "r+") as file:
        for index, nm in enumerate(CENTRES, start=1):
            file.update_tags(index, wavelength=f"{nm:g}", wavelength_units="nm")
    (folder / f"{folder.name}-METADATA.XML").unlink()
    with scene(folder / f"{folder.name}-SPECTRAL_IMAGE.TIF") as opened:
        assert {band.units for band in opened.bands} == {"dn"}


def test_two_products_in_one_folder_are_asked_about(tmp_path: Path) -> None:
    write_enmap(tmp_path, radiance())
    write_enmap(tmp_path, radiance() / 1000, level="L2A")
    with pytest.raises(SceneError, match="2 products"):
        scene(tmp_path)
