"""Quality layers: what products say of clouds and the like is read, told and not mapped."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from geoseg.errors import SceneReadError
from geoseg.grid import Window
from geoseg.scenes import Scene
from geoseg.scenes.quality_layers import decoder
from geoseg.spec import NOT_MAPPED, QualityFlag
from geoseg.spec.presets import quality_layers
from tests.products.ground import SIDE, Ground, write_raster
from tests.products.quality import BY_KIND, LAYOUTS, Layout, Says, conditions, opened, valid


def hidden(says: Says) -> NDArray[np.bool_]:
    return np.isin(says, NOT_MAPPED)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.kind)
def test_what_hides_the_ground_is_not_observed(layout: Layout, tmp_path: Path) -> None:
    says = conditions(layout.names)
    with opened(layout.write(tmp_path, Ground(), says)) as scene:
        assert [layer.title for layer in scene.quality.layers] == [quality_layers()[layout.kind].title]
        shares, whole = scene.quality.shares(scene.band_names)
        assert shares == {name: pytest.approx(400 / SIDE**2) for name in layout.names}
        assert whole
        seen = scene.read(scene.grid.window, scene.band_names).valid
    np.testing.assert_array_equal(seen, ~hidden(says))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.kind)
def test_clouds_none_maps_without_layers(layout: Layout, tmp_path: Path) -> None:
    folder = layout.write(tmp_path, Ground(), conditions(layout.names))
    scene = opened(folder, clouds="none")
    assert not scene.quality.layers
    assert valid(scene).all()


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.kind)
def test_layers_are_found_beside_single_files(layout: Layout, tmp_path: Path) -> None:
    folder = layout.write(tmp_path, Ground(), conditions(layout.names))
    bands = sorted(str(path) for path in folder.iterdir() if path.name != layout.layer)
    if layout.kind == "sentinel-2-classi":
        pytest.skip("its name does not begin as that of the bands")
    np.testing.assert_array_equal(valid(opened(*bands)), ~hidden(conditions(layout.names)))


@pytest.mark.parametrize("kind", ["landsat-qa-pixel", "planet-udm2", "hls-fmask", "hyp3-ls-map"])
@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz"])
def test_layers_are_found_in_archives(kind: str, suffix: str, tmp_path: Path) -> None:
    layout = BY_KIND[kind]
    folder = layout.write(tmp_path, Ground(), conditions(layout.names))
    path = tmp_path / f"{folder.name}.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for item in folder.iterdir():
                archive.write(item, f"product/{item.name}")
    else:
        with tarfile.open(path, "w:gz" if suffix.endswith("gz") else "w") as bundle:
            bundle.add(folder, "product")
    np.testing.assert_array_equal(valid(opened(path)), ~hidden(conditions(layout.names)))


@pytest.mark.parametrize("kind", ["hyp3-ls-map", "sentinel-2-scl"])
@pytest.mark.parametrize("compression", ["", "gz"])
def test_long_names_in_a_tar_are_read(kind: str, compression: str, tmp_path: Path) -> None:
    layout = BY_KIND[kind]
    folder = layout.write(tmp_path, Ground(), conditions(layout.names))
    with tarfile.open(tmp_path / "a.tar", "w:gz" if compression else "w") as bundle:
        bundle.add(folder, f"{'long' * 20}/{folder.name}")
    np.testing.assert_array_equal(valid(opened(tmp_path / "a.tar")), ~hidden(conditions(layout.names)))


def test_names_that_lead_out_of_a_tar_are_not_followed(tmp_path: Path) -> None:
    folder = BY_KIND["hyp3-ls-map"].write(tmp_path / "made", Ground(), conditions(()))
    with tarfile.open(tmp_path / "a.tar", "w") as bundle:
        bundle.add(folder, "product")
        bundle.add(folder, f"../../../{tmp_path}/{'long' * 30}")
    before = set(tmp_path.iterdir())
    opened(tmp_path / "a.tar").close()
    assert set(tmp_path.iterdir()) == before


def test_archives_that_gdal_does_not_read_are_told(tmp_path: Path) -> None:
    folder = BY_KIND["hyp3-ls-map"].write(tmp_path, Ground(), conditions(()))
    with tarfile.open(tmp_path / "a.tar.xz", "w:xz") as bundle:
        bundle.add(folder, f"{'long' * 20}/{folder.name}")
    with pytest.raises(SceneReadError, match="unpack it"):
        opened(tmp_path / "a.tar.xz")


def _item(folder: Path, layout: Layout, key: str) -> Path:
    """A STAC item of a product's files, the quality layer under a key."""
    assets = {}
    for path in sorted(folder.iterdir()):
        name = key if path.name == layout.layer else path.stem[-3:].strip("_.").lower()
        assets[name] = {"href": path.name, "type": "image/tiff; application=geotiff"}
    item: dict[str, object] = {
        "type": "Feature", "stac_version": "1.0.0", "id": folder.name, "geometry": None,
        "properties": {"datetime": "2020-07-04T10:00:31Z"}, "assets": assets, "links": [],
    }  # fmt: skip
    path = folder / "item.json"
    path.write_text(json.dumps(item))
    return path


@pytest.mark.parametrize(
    ("kind", "key"),
    [("sentinel-2-scl", "scl"), ("landsat-qa-pixel", "qa_pixel"), ("hls-fmask", "Fmask"), ("fmask", "Fmask")],
)
def test_layers_are_found_in_stac_items(kind: str, key: str, tmp_path: Path) -> None:
    layout = BY_KIND[kind]
    folder = layout.write(tmp_path, Ground(), conditions(layout.names))
    item = _item(folder, layout, key)
    np.testing.assert_array_equal(valid(opened(item)), ~hidden(conditions(layout.names)))


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("sentinel-2-scl", "SCL"),
        ("landsat-qa-pixel", "QA_PIXEL"),
        ("hls-fmask", "Fmask"),
        # Its codes differ from the bits of HLS, and its fill value is above both.
        ("fmask", "Fmask"),
    ],
)
def test_a_band_of_a_stack_is_a_layer_too(kind: str, label: str, dtype: str, tmp_path: Path) -> None:
    layout = BY_KIND[kind]
    says = conditions(layout.names)
    names = ("blue", "green", "red", "nir", "swir16")
    scale = 1.0 if dtype.startswith("float") else 1e4
    codes = np.array([layout.codes[name] for name in says.ravel()]).reshape(says.shape)
    stack = np.stack([*(scale * Ground().reflectance(name) for name in names), codes]).astype(dtype)
    path = write_raster(tmp_path / "stack.tif", stack, descriptions=(*names, label))
    scene = opened(path, sensor="sentinel-2-l2a-harmonised")
    assert scene.band_names == names
    np.testing.assert_array_equal(valid(scene), ~hidden(says))


def test_of_two_layers_in_one_stack_the_better_one_counts(tmp_path: Path) -> None:
    layout = BY_KIND["sentinel-2-scl"]
    says = conditions(layout.names)
    names = ("blue", "green", "red", "nir", "swir16")
    codes = np.array([layout.codes[name] for name in says.ravel()]).reshape(says.shape)
    bands = [1e4 * Ground().reflectance(name) for name in names]
    stack = np.stack([*bands, codes, np.full(says.shape, 1 << 10)]).astype(np.uint16)
    path = write_raster(tmp_path / "stack.tif", stack, descriptions=(*names, "SCL", "QA60"))
    scene = opened(path, sensor="sentinel-2-l2a-harmonised")
    assert [layer.title for layer in scene.quality.layers] == ["SCL"]
    np.testing.assert_array_equal(valid(scene), ~hidden(says))


@pytest.mark.parametrize("factor", [2, 6])
def test_a_coarser_layer_hides_the_pixels_below_it(factor: int, tmp_path: Path) -> None:
    layout = BY_KIND["sentinel-2-scl"]
    folder = layout.write(tmp_path, Ground(), conditions(()))
    says = conditions(("cloud",), SIDE // factor)[: SIDE // factor, : SIDE // factor]
    layout.write_layer(folder / layout.layer, says, pixel=10 * factor)
    expected = ~hidden(says).repeat(factor, 0).repeat(factor, 1)
    np.testing.assert_array_equal(valid(opened(folder)), expected)


def test_a_finer_layer_hides_every_pixel_that_it_touches(tmp_path: Path) -> None:
    layout = BY_KIND["landsat-qa-pixel"]
    folder = layout.write(tmp_path, Ground(), conditions(()))
    fine = np.full((3 * SIDE, 3 * SIDE), "clear", object)
    fine[4, 7] = "cloud"
    layout.write_layer(folder / layout.layer, fine, pixel=10)
    expected = np.ones((SIDE, SIDE), np.bool_)
    expected[1, 2] = False
    np.testing.assert_array_equal(valid(opened(folder)), expected)


def test_of_several_layers_the_better_one_counts(tmp_path: Path) -> None:
    better, older = BY_KIND["planet-udm2"], BY_KIND["planet-udm"]
    folder = better.write(tmp_path, Ground(), conditions(("cloud",)))
    older.write_layer(folder / older.layer, np.full((SIDE, SIDE), "cloud", object))
    np.testing.assert_array_equal(valid(opened(folder)), ~hidden(conditions(("cloud",))))


def test_saturation_concerns_the_bands_that_are_read(tmp_path: Path) -> None:
    layout = BY_KIND["landsat-qa-radsat"]  # its bit is that of band 3, green
    says = conditions(layout.names)
    with opened(layout.write(tmp_path, Ground(), says)) as scene:
        window = scene.grid.window
        assert scene.read(window, ("red", "swir16")).valid.all()
        np.testing.assert_array_equal(scene.read(window, ("green", "swir16")).valid, ~hidden(says))


@given(row=st.integers(0, 150), col=st.integers(0, 150), size=st.integers(1, 60), dilate=st.integers(0, 9))
def test_windows_do_not_change_what_is_hidden(row: int, col: int, size: int, dilate: int) -> None:
    scene = _shared(dilate)
    whole = scene.read(scene.grid.window, ("green",)).valid
    window = Window(row=row, col=col, height=size, width=size)
    part = scene.read(window, ("green",)).valid
    inner = window.intersect(scene.grid.window)
    np.testing.assert_array_equal(part[inner.slices(window)], whole[inner.slices(scene.grid.window)])


_SHARED: dict[int, Scene] = {}


def _shared(dilate: int) -> Scene:
    return _SHARED[dilate]


@pytest.fixture(autouse=True, scope="module")
def _scenes(tmp_path_factory: pytest.TempPathFactory) -> object:
    layout = BY_KIND["sentinel-2-scl"]
    folder = layout.write(tmp_path_factory.mktemp("quality"), Ground(), conditions(layout.names))
    says = conditions(("cloud", "fill"), SIDE // 2)[: SIDE // 2, : SIDE // 2]
    layout.write_layer(folder / layout.layer, says, pixel=20)
    for dilate in range(10):
        _SHARED[dilate] = opened(folder, mask_dilate=dilate)
    yield
    for scene in _SHARED.values():
        scene.close()
    _SHARED.clear()


@pytest.mark.parametrize("dilate", [1, 3, 9])
def test_dilation_grows_clouds_but_not_what_has_no_data(dilate: int) -> None:
    scene = _shared(dilate)
    plain = ~_shared(0).read(scene.grid.window, ("green",)).valid
    grown = ~scene.read(scene.grid.window, ("green",)).valid
    expected = plain.copy()
    expected[40 - dilate : 80 + dilate, 20 - dilate : 60 + dilate] = True
    np.testing.assert_array_equal(grown, expected)


def test_every_kind_of_layer_is_tried_here() -> None:
    tried = {*BY_KIND, "sentinel-2-gml"}
    assert {kind for kind in quality_layers() if kind not in tried} <= OTHERS


OTHERS = {
    "emit-mask", "enmap-cirrus", "enmap-cloud", "enmap-cloudshadow", "enmap-haze", "enmap-snow",
    "landsat-ledaps-cloud", "landsat-pixel-qa", "python-fmask",
    "sentinel-2-qa60", "sentinel-hub-clm", "sentinel-hub-datamask",
    "ukis-csmask", "viirs-qf1", "viirs-qf2",
}  # fmt: skip
"""Kinds that other tests look at: `test_codes_of_other_kinds`, `test_cubes.py`, `test_quality_opening.py`,
`test_ukis_csmask.py` and `test_other_deliveries.py`."""


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("sentinel-2-qa60", 1024, {"cloud"}),
        ("viirs-qf1", 0b0100, set()),
        ("viirs-qf1", 0b1000, {"cloud"}),
        ("viirs-qf1", 0b1100, {"cloud"}),
        ("viirs-qf2", 0b0101, set()),
        ("viirs-qf2", 0b101000, {"shadow", "snow"}),
        ("viirs-qf2", 0b1000000, {"cloud"}),
        ("sentinel-2-qa60", 2048, {"cloud"}),
        ("sentinel-2-qa60", 0, set()),
        ("sentinel-hub-clm", 1, {"cloud"}),
        ("sentinel-hub-datamask", 0, {"fill"}),
        ("landsat-ledaps-cloud", 2, {"cloud"}),
        ("landsat-ledaps-cloud", 4, {"shadow"}),
        ("landsat-pixel-qa", 322, set()),
        ("landsat-pixel-qa", 352, {"cloud"}),
        ("landsat-pixel-qa", 328, {"shadow"}),
        ("landsat-pixel-qa", 336, {"snow"}),
        ("landsat-pixel-qa", 834, {"cloud"}),
        ("enmap-cirrus", 3, {"cloud"}),
        ("enmap-cirrus", 1, set()),
        ("enmap-cloud", 1, {"cloud"}),
        ("enmap-cloudshadow", 1, {"shadow"}),
        ("enmap-haze", 1, {"haze"}),
        ("enmap-snow", 1, {"snow"}),
        ("landsat-qa-pixel", 21824, set()),
        ("landsat-qa-pixel", 21952, set()),
        ("landsat-qa-pixel", 22280, {"cloud"}),
        ("landsat-qa-pixel", 23888, {"shadow"}),
        ("landsat-qa-pixel", 55052, {"cloud"}),
        ("landsat-qa-pixel", 1, {"fill"}),
    ],
)
@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
def test_codes(kind: str, value: int, expected: set[str], dtype: str) -> None:
    from geoseg.scenes.quality_layers import CONDITIONS  # noqa: PLC0415

    bits = decoder(quality_layers()[kind].flags, np.dtype(dtype).str)(np.array([[value]], dtype))
    assert {name for place, name in enumerate(CONDITIONS) if bits[0, 0] >> place & 1} == expected


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "float32"])
def test_no_dtype_reads_other_codes(dtype: str) -> None:
    flags = (QualityFlag(means="cloud", codes=(3,)), QualityFlag(means="shadow", bits=(6,)))
    values = np.array([0, 3, 64, 67, -1, -128]).astype(dtype)
    bits = decoder(flags, np.dtype(dtype).str)(values)
    wide = values.astype(np.int64)
    assert [bool(bit & 2) for bit in bits] == [int(value) == 3 for value in wide]
    assert [bool(bit & 4) for bit in bits] == [value >= 0 and bool(int(value) & 64) for value in wide]
