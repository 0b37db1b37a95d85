"""Python data sets as files: duck-typed ones of both kinds, and So2Sat."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geoseg.errors import RuntimeMissingError, SceneError, SceneReadError, UsageError
from geoseg.learn.samples import DataSpec, find_samples, read_chip, sample_windows
from geoseg.learn.samples.dataset_import import ImportOptions, import_datasets
from geoseg.learn.samples.find_dataset import find_dataset
from geoseg.learn.samples.labelled_sites import SiteClass, SiteImage, SitesSpec, find_sites, read_site
from geoseg.learn.samples.so2sat import BANDS, CLASSES
from geoseg.run_record import no_progress

TWO = ImportOptions(bands=("red", "nir"), side=4)


class Chips:
    """A `NonGeoDataset`: four images of 8 x 6 pixels, and masks with one axis more."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, number: int) -> dict[str, Any]:
        if number >= 4:
            raise IndexError(number)
        image = np.stack([np.full((8, 6), number, np.float32), np.full((8, 6), 10 * number, np.float32)])
        mask = np.zeros((1, 8, 6), np.int64)
        mask[0, :3] = 1
        return {"image": image, "mask": mask}


class Scene:
    """A `GeoDataset` of TorchGeo 0.8: a scene of 10 x 6 pixels of 20 m with a hole, queried by slices."""

    bounds = (slice(1000.0, 1200.0, 20.0), slice(5000.0, 5120.0, 20.0), slice(0, 1, 1))
    res = (20.0, 20.0)
    crs = "EPSG:32633"

    def __len__(self) -> int:
        return 1

    def __getitem__(self, query: tuple[slice, slice]) -> dict[str, Any]:
        x, y = query
        columns, rows = (round((axis.stop - axis.start) / 20) for axis in (x, y))
        if x.start >= 1160:
            raise IndexError(query)
        # The value of a pixel is its column and row in the scene, from the upper left, counted from 1.
        first, top = round((x.start - 1000) / 20), round((5120 - y.stop) / 20)
        row, col = np.mgrid[top : top + rows, first : first + columns].astype(np.float32)
        return {
            "crs": self.crs,
            "bounds": query,
            "image": np.stack([col, row]) + 1,
            "mask": (row > 1).astype(np.int64),
        }


def read(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read an imported set by the keys that it states."""
    data = DataSpec.model_validate(json.loads((folder / "data.json").read_text()))
    chips = {
        place.sample.id: read_chip(place, data, ("red", "nir"))
        for place in sample_windows(find_samples(data), data)
    }
    return {name: (chip.pixels, chip.label) for name, chip in chips.items()}


def test_images_and_masks_become_a_labelled_set(tmp_path: Path) -> None:
    number = import_datasets({"train": Chips(), "validation": Chips()}, tmp_path / "set", TWO, no_progress)
    assert number == 8
    read_back = read(tmp_path / "set")
    assert set(read_back) == {f"{role}-{index:06d}" for role in ("train", "val") for index in range(4)}
    pixels, label = read_back["val-000003"]
    assert (pixels[0] == 3).all()
    assert (pixels[1] == 30).all()
    assert label[:3].all()
    assert not label[3:].any()
    data = DataSpec.model_validate(json.loads((tmp_path / "set" / "data.json").read_text()))
    assert {sample.split for sample in find_samples(data)} == {"train", "val"}


def test_a_scene_is_divided_into_tiles_with_their_place(tmp_path: Path) -> None:
    number = import_datasets({"": Scene()}, tmp_path / "set", TWO, no_progress)
    # Ten columns of pixels are tiles of 4, 4 and 2, of which the last is not covered; six rows are 4 and 2.
    assert number == 4
    found = set()
    for path in sorted((tmp_path / "set" / "image").glob("*.tif")):
        with rasterio.open(path) as file:
            values = file.read()
            assert file.crs.to_epsg() == 32633
            col, row = round((file.transform.c - 1000) / 20), round((5120 - file.transform.f) / 20)
            assert file.res == (20, 20)
        assert (values[0, 0, 0], values[1, 0, 0]) == (col + 1, row + 1)
        found.add((col, row, values.shape[1], values.shape[2]))
    assert found == {(0, 0, 4, 4), (4, 0, 4, 4), (0, 4, 2, 4), (4, 4, 2, 4)}
    pixels, label = read(tmp_path / "set")["sample-000000"]
    np.testing.assert_array_equal(label, pixels[1] > 2)


class Odd:
    """A data set of one sample."""

    def __init__(self, **sample: object) -> None:
        self._sample = sample

    def __len__(self) -> int:
        return 1

    def __getitem__(self, number: int) -> dict[str, object]:
        return self._sample


IMAGE, MASK = np.zeros((2, 4, 4)), np.zeros((4, 4))


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Odd(image1=IMAGE, image2=IMAGE, mask=MASK), "it needs image, and mask or label"),
        (Odd(image=IMAGE), "it needs image, and mask or label"),
        (Odd(image=np.zeros((3, 4, 4)), mask=MASK), "3 bands, and `--channels` names 2"),
        (Odd(image=np.zeros((2, 2, 4, 4)), mask=MASK), "4 axes"),
        (Odd(image=IMAGE, mask=np.zeros((5, 5))), "mask is"),
        (Odd(image=IMAGE, mask=MASK + 0.5), "between whole numbers"),
    ],
)
def test_other_samples_are_refused(tmp_path: Path, dataset: Odd, message: str) -> None:
    with pytest.raises(SceneError, match=message):
        import_datasets({"": dataset}, tmp_path / "set", TWO, no_progress)
    assert not (tmp_path / "set").exists()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_tensors_are_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    sample = Odd(image=torch.ones(2, 4, 4), mask=torch.full((4, 4), 300))
    import_datasets({"": sample}, tmp_path / "set", TWO, no_progress)
    with rasterio.open(tmp_path / "set" / "label" / "sample-000000.tif") as file:
        assert file.read(1).max() == 300


def write_so2sat(path: Path, number: int = 3) -> None:
    h5py = pytest.importorskip("h5py")
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["sen1"] = np.full((number, 32, 32, 8), np.arange(1, 9) / 100)
        file["sen2"] = np.full((number, 32, 32, 10), np.arange(1, 11) / 100)
        file["label"] = np.eye(17)[[16, 0, 12][:number]]


def test_so2sat_becomes_labelled_sites(tmp_path: Path) -> None:
    for name in ("training", "testing"):
        write_so2sat(tmp_path / "raw" / f"{name}.h5")
    make = find_dataset("so2sat")
    parts = {part: make({"root": tmp_path / "raw", "split": part}) for part in ("train", "test")}
    assert import_datasets(parts, tmp_path / "set", ImportOptions(bands=BANDS, limit=2), no_progress) == 4
    rows = list(csv.DictReader((tmp_path / "set" / "sites.csv").read_text().splitlines()))
    assert [(row["split"], row["labels"]) for row in rows] == [
        ("train", "water"), ("train", "compact high-rise"), ("test", "water"), ("test", "compact high-rise"),
    ]  # fmt: skip
    images = [
        SiteImage.model_validate(
            {
                "name": name, "files": "image/{id}.tif", "sensor": sensor, "units": units, "resolution": 10,
                "file_bands": {band: BANDS.index(band) + 1 for band in bands},
            }
        )
        for name, sensor, units, bands in (
            ("radar", "sentinel-1", "db", ("vv", "vh")),
            ("optical", "sentinel-2-l2a-harmonised", "reflectance", ("blue", "swir22")),
        )
    ]  # fmt: skip
    classes = [
        SiteClass(value=value, label=label, colour="#0000ff") for value, label in enumerate(CLASSES, start=1)
    ]
    spec = SitesSpec.model_validate(json.loads((tmp_path / "set" / "data.json").read_text()))
    sites = find_sites(spec, images, classes)
    assert sites[0].classes == (*[False] * 16, True)
    for image, bands, values in (
        (images[0], ("vv", "vh"), 10 * np.log10([0.06, 0.05])),
        (images[1], ("blue", "swir22"), [0.01, 0.10]),
    ):
        found = read_site(
            sites[0].files[images.index(image)] or Path(), image, bands, 32, sites[0]
        ).physical()
        np.testing.assert_allclose(found[:, 5, 5], values, rtol=1e-5)


def test_other_hdf5_files_are_refused(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    make = find_dataset("so2sat")
    with pytest.raises(SceneReadError, match=r"training\.h5 does not exist"):
        make({"root": tmp_path, "split": "train"})
    with pytest.raises(
        SceneReadError, match=r"validation\.h5 does not exist; .*leave the part out of `--splits`"
    ):
        make({"root": tmp_path, "split": "valid"})
    with pytest.raises(UsageError, match="no part 'tran': `--splits` takes train, val, test"):
        make({"root": tmp_path, "split": "tran"})
    with h5py.File(tmp_path / "training.h5", "w") as file:
        file["sen1"] = np.zeros((1, 32, 32, 8))
    with pytest.raises(SceneError, match="another size"):
        make({"root": tmp_path, "split": "train"})
    (tmp_path / "testing.h5").write_bytes(b"no HDF5")
    with pytest.raises(SceneReadError, match="So2Sat"):
        make({"root": tmp_path, "split": "test"})


def test_classes_are_found_by_name() -> None:
    assert len(find_dataset(f"{__name__}.Chips")({})) == 4
    with pytest.raises(UsageError, match="did you mean Chips"):
        find_dataset(f"{__name__}.Chip")
    for name in ("meterml", "METER-ML", "meter_ml"):
        with pytest.raises(UsageError, match="did you mean meter-ml"):
            find_dataset(name)
    with pytest.raises(UsageError, match="takes no arguments"):
        find_dataset(f"{__name__}.Chips")({"rooot": "x"})
    with pytest.raises(RuntimeMissingError, match="no_such_module"):
        find_dataset("no_such_module.Chips")


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of affine, by way of TorchGeo
def test_a_data_set_of_torchgeo_is_imported(tmp_path: Path) -> None:
    datasets = pytest.importorskip("torchgeo.datasets", reason="the extra `torchgeo` is not installed")
    for folder, value in (("images", 100), ("labels", 1)):
        path = tmp_path / folder / "scene.tif"
        path.parent.mkdir()
        with rasterio.open(
            path, "w", driver="GTiff", width=8, height=8, count=1, dtype="uint8", crs="EPSG:32633",
            transform=rasterio.Affine(10, 0, 500000, 0, -10, 4600000),
        ) as file:  # fmt: skip
            file.write(np.full((1, 8, 8), value, np.uint8))
    images = datasets.RasterDataset(str(tmp_path / "images"))
    labels = datasets.RasterDataset(str(tmp_path / "labels"))
    labels.is_image = False
    options = ImportOptions(bands=("red",), side=4)
    assert import_datasets({"": images & labels}, tmp_path / "set", options, no_progress) == 4
