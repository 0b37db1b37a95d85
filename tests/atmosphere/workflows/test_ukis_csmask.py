"""The networks of ukis-csmask as they come: what is said of them, and clouds of real scenes."""

from __future__ import annotations

import hashlib
import json
import warnings
from contextlib import ExitStack, closing
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from geoseg.atmosphere.cloud_mask import make_cloud_mask
from geoseg.atmosphere.cloud_network import cloud_network_for
from geoseg.engine.normalise import Normaliser
from geoseg.grid import Grid
from geoseg.run_record import RunRecord
from geoseg.runtimes.choose import open_session
from geoseg.scenes import open_scene
from geoseg.spec import CloudSpec, FloodSpec, RunSpec, SceneSpec
from geoseg.spec.presets import cloud_networks, sensors
from geoseg.tasks.flood.flood_map import map_flood
from tests.cloud_package import SIX, SURFACE, TOA
from tests.messages import progress
from tests.products.ground import write_raster

pytestmark = pytest.mark.usefixtures("real_cloud_networks")


def _package() -> tuple[CloudSpec, Path]:
    (spec,) = (item for item in cloud_networks() if item.name == "ukis-csmask")
    found = find_spec(spec.package)
    assert found is not None
    assert found.submodule_search_locations is not None
    return spec, Path(found.submodule_search_locations[0])


def test_files_are_those_that_are_described() -> None:
    spec, folder = _package()
    assert distribution(spec.distribution).metadata["License"].startswith(spec.licence.split("-")[0])
    assert {network.file for network in spec.networks} == {path.name for path in folder.glob("*.onnx")}
    for network in spec.networks:
        content = (folder / network.file).read_bytes()
        assert hashlib.sha256(content).hexdigest() == network.sha256
        said: dict[str, Any] = json.loads((folder / network.file).with_suffix(".json").read_text())["data"]
        assert said["target_size"] == [spec.tile, spec.tile]
        assert said["classes"] == len(spec.classes)
        statistics = said["dataset_statistics"]
        assert statistics["band_names"] == [band.name for band in network.bands]
        assert statistics["img"] == [
            [band.mean for band in network.bands],
            [band.std for band in network.bands],
        ]
        assert ("l1c" in network.file) == (network.atmosphere == "toa")


def _flood(folder: Path, scene: SceneSpec) -> tuple[RunRecord, NDArray[np.uint8]]:
    run = RunSpec(output=folder / "map.gpkg", raster=folder / "map.tif", overwrite=True)
    record = map_flood(FloodSpec(scene=scene, run=run, method="mndwi"), progress)
    assert isinstance(record, RunRecord)
    with rasterio.open(folder / "map.tif") as file:
        classes: NDArray[np.uint8] = file.read(1)
    return record, classes


@pytest.mark.parametrize(("sensor", "level"), [(TOA, "l1c"), (SURFACE, "l2a")])
@pytest.mark.parametrize("count", [6, 4])
def test_a_tile_is_scored_as_by_the_package_itself(
    count: int, sensor: str, level: str, tmp_path: Path
) -> None:
    """Bands in order, normalised, and softmax of its logits."""
    package = pytest.importorskip("ukis_csmask.mask")
    rng = np.random.default_rng(3)
    # In another order than the network's.
    bands = tuple(reversed(SIX[:count]))
    cube = gaussian_filter(rng.uniform(0, 1, (count, 256, 256)), (0, 4, 4)).astype(np.float32)
    path = write_raster(tmp_path / "scene.tif", cube, pixel=30, descriptions=bands)
    with open_scene(SceneSpec(paths=(str(path),), sensor=sensor), sensors()) as scene:
        _, model = cloud_network_for(scene)
        names = tuple(band.name for band in model.bands)
        tile = Normaliser(model)(scene.read(scene.grid.window, names))[None]
    assert model.name == f"model_{count}b_{level}"
    oracle = package.CSmask(np.moveaxis(cube, 0, -1), [*bands], level)
    np.testing.assert_allclose(np.moveaxis(tile[0], 0, -1), oracle.img, atol=1e-5)
    session = open_session(model, runtime="onnxruntime", device="cpu", precision="fp32", tile=256).session
    with closing(session):
        found = session(tile)
    (logits,) = oracle.session.run(None, {oracle.input_names: tile})
    np.testing.assert_allclose(found, oracle.softmax(logits), atol=1e-4)


def test_a_mask_is_that_of_the_package_itself(data_dir: Path, tmp_path: Path) -> None:
    """Over tiles, whose places and blending differ a little."""
    package = pytest.importorskip("ukis_csmask.mask")
    folder = data_dir / "change-s2" / "paris" / "after"
    if not folder.is_dir():
        pytest.skip("the Sentinel-2 pairs are not there")
    request = SceneSpec(paths=(str(folder),))
    with ExitStack() as stack:
        scene = stack.enter_context(open_scene(request, sensors()))
        run = RunSpec(output=tmp_path / "map.gpkg")
        mask = make_cloud_mask(scene, request, run, stack, progress)
        assert mask is not None
        with rasterio.open(mask.path) as file:
            ours = file.read(1)
            shape, transform = file.shape, file.transform
        grid = Grid(crs=scene.grid.crs, transform=transform, height=shape[0], width=shape[1])
        pixels = scene.select(SIX).onto(grid).read(grid.window, SIX).physical()
    with warnings.catch_warnings():
        # The package says that images are small.
        warnings.simplefilter("ignore")
        image = np.moveaxis(np.nan_to_num(pixels), 0, -1)
        theirs = package.CSmask(image, [*SIX], "l1c").csm[..., 0]
    assert (ours == theirs)[ours != 255].mean() > 0.99
    assert (theirs == 1).mean() > 0.02


def test_a_cloudy_city(data_dir: Path, tmp_path: Path) -> None:
    """Two clouds and the shadow of one; the same city on a clear day."""
    folder = data_dir / "change-s2" / "paris"
    if not folder.is_dir():
        pytest.skip("the Sentinel-2 pairs are not there")
    cloudy, classes = _flood(tmp_path, SceneSpec(paths=(str(folder / "after"),)))
    shares: Any = cloudy.inputs[0]["quality"]
    assert 0.015 < shares["shares"]["cloud"] < 0.04
    assert 0.01 < shares["shares"]["shadow"] < 0.04
    unseen = classes == 255
    for row, col in ((47, 330), (208, 165), (360, 200)):
        assert unseen[row - 3 : row + 4, col - 3 : col + 4].any(), (row, col)
    clear, _ = _flood(tmp_path, SceneSpec(paths=(str(folder / "before"),)))
    assert clear.valid_share > 0.99


def test_a_landsat_scene_under_clouds(data_dir: Path, tmp_path: Path) -> None:
    """What the product's own mask calls cloud, the network calls cloud too."""
    folder = data_dir / "landsat8-l1"
    if not folder.is_dir():
        pytest.skip("the Landsat scene is not there")
    bands = tuple(str(folder / f"l8_B{band}.tif") for band in range(2, 8))
    scene = SceneSpec(paths=(*bands, str(folder / "l8_MTL.txt")), clouds="network")
    record, classes = _flood(tmp_path, scene)
    quality: Any = record.inputs[0]["quality"]
    assert [layer["kind"] for layer in quality["layers"]] == ["ukis-csmask"]
    with rasterio.open(folder / "l8_BQA.tif") as file:
        flags = file.read(1)
    # Collection 0: two bits of confidence from bit 14 on.
    sure = (flags >> 14 & 3) == 3
    assert (classes[sure] == 255).mean() > 0.95


def test_level_two_has_networks_of_its_own(data_dir: Path, tmp_path: Path) -> None:
    folder = data_dir / "products" / "LC08_L2SP_008059_20191201_20200825_02_T1"
    if not folder.is_dir():
        pytest.skip("the Landsat product is not there")
    bands = tuple(str(folder / f"{folder.name}_SR_B{band}.TIF") for band in range(2, 8))
    scene = SceneSpec(paths=bands, sensor="landsat-8-l2", clouds="network")
    record, classes = _flood(tmp_path, scene)
    quality: Any = record.inputs[0]["quality"]
    (layer,) = (item for item in quality["layers"] if item["kind"] == "ukis-csmask")
    assert layer["network"]["name"] == "model_6b_l2a"
    with rasterio.open(folder / f"{folder.name}_QA_PIXEL.TIF") as file:
        flags = file.read(1)
    seen, cloud = flags & 1 == 0, flags >> 3 & 1 == 1
    assert (classes[seen & cloud] == 255).mean() > 0.9
