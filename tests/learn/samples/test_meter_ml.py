"""METER-ML in the layout of its publishers becomes the sites that the config `meter-ml` reads."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoseg.errors import SceneError, SceneReadError, UsageError
from geoseg.learn.samples.labelled_sites import SitesSpec, find_sites, read_site
from geoseg.learn.samples.meter_ml import TEN, TWENTY, import_meter_ml
from geoseg.learn.train.config import read_any_config
from geoseg.learn.train.scene_spec import SceneTrainSpec
from geoseg.run_record import no_progress


def site(folder: Path, value: int) -> None:
    """Bands 100, 200 … of 10 m and then of 20 m, plus a value; NAIP 10, 20, 30 and 40."""
    folder.mkdir(parents=True)
    naip = np.full((720, 720, 4), (10, 20, 30, 40), np.uint8)
    Image.fromarray(naip, "RGBA").save(folder / "naip.png")
    fine, coarse = np.arange(100, 500, 100) + value, np.arange(500, 1100, 100) + value
    np.save(folder / "sentinel-2-10m.npy", np.full((72, 72, 4), fine, np.uint16))
    np.save(folder / "sentinel-2-20m.npy", np.full((36, 36, 6), coarse, np.uint16))
    np.save(folder / "sentinel-1.npy", np.zeros((72, 72, 2), np.uint16))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "meter"
    listed = {
        "train": [("1", "Mines", "train_images_1/1"), ("2", "CAFOs - Landfills", "train_images_2/2")],
        "val": [("1", "Negative", "1")],
        "test": [("7", "Roundabout", "7"), ("8", "WWTreatment", "8")],
    }
    for part, sites in listed.items():
        features = [
            {
                "type": "Feature", "geometry": {"type": "Point", "coordinates": [8, 50]},
                "properties": {"Image_Folder": f"{part}_images/{name}", "Type": kind},
            }
            for name, kind, _ in sites
        ]  # fmt: skip
        root.mkdir(exist_ok=True)
        table = {"type": "FeatureCollection", "features": features}
        (root / f"{part}_dataset.geojson").write_text(json.dumps(table))
        for number, (_, _, place) in enumerate(sites):
            site(root / f"{part}_images" / place, number)
    return root


def test_sites_are_those_that_the_config_reads(root: Path, tmp_path: Path) -> None:
    assert (
        import_meter_ml(root, ("train", "val", "train", "test", "validation"), tmp_path / "set", no_progress)
        == 5
    )
    rows = list(csv.DictReader((tmp_path / "set" / "sites.csv").read_text().splitlines()))
    assert [(row["id"], row["split"], row["labels"]) for row in rows] == [
        ("train-1", "train", "coal mines"),
        ("train-2", "train", "concentrated animal feeding operations;landfills"),
        ("val-1", "val", "negative"),
        ("test-7", "test", "negative"),
        ("test-8", "test", "wastewater treatment plants"),
    ]
    config = read_any_config(str(tmp_path / "set" / "meter-ml.yaml"), tmp_path / "set")
    assert isinstance(config, SceneTrainSpec)
    whole = read_any_config("meter-ml", tmp_path / "set")
    assert isinstance(whole, SceneTrainSpec)
    assert config.model_copy(update={"sensors": whole.sensors, "title": whole.title}) == whole
    assert config.sensors == whole.sensors[:2]
    optical, naip = config.sensors
    data = SitesSpec.model_validate(config.data.model_dump())
    sites = find_sites(data, config.sensors, config.classes)
    assert [sum(item.classes) for item in sites] == [1, 2, 0, 0, 1]
    names = tuple(band.name for band in optical.bands)
    found = read_site(path(sites[1].files[0]), optical, names, 72, sites[1]).physical()
    stored = dict(zip((*TEN, *TWENTY), range(101, 1101, 100), strict=True))
    np.testing.assert_allclose(found[:, 3, 5], [stored[name] / 10000 for name in names], rtol=1e-5)
    colours = read_site(path(sites[1].files[1]), naip, TEN, 720, sites[1]).physical()
    np.testing.assert_allclose(colours[:, 3, 5], [10, 20, 30, 40])


def path(file: Path | None) -> Path:
    assert file is not None
    return file


def test_what_is_missing_or_unknown_is_named(root: Path, tmp_path: Path) -> None:
    def run(*parts: str) -> None:
        import_meter_ml(root, parts, tmp_path / "set", no_progress)

    with pytest.raises(UsageError, match="no part 'tran': `--splits` takes train, val, test"):
        run("tran")
    (root / "test_images" / "8").rename(root / "elsewhere")
    with pytest.raises(SceneReadError, match="the folder 8 of a site is missing"):
        run("test")
    assert not (tmp_path / "set").exists(), "what was begun is removed"
    np.save(root / "val_images" / "1" / "sentinel-2-20m.npy", np.zeros((72, 72, 6), np.uint16))
    with pytest.raises(
        SceneError, match=r"20m\.npy: its shape is \(72, 72, 6\) .* have the shape \(36, 36, 6\)"
    ):
        run("val")
    (root / "val_images" / "1" / "sentinel-2-10m.npy").write_bytes(b"no array")
    with pytest.raises(SceneReadError, match=r"10m\.npy"):
        run("val")
    with (root / "val_images" / "1" / "sentinel-2-10m.npy").open("wb") as file:
        np.savez(file, np.zeros((72, 72, 4), np.uint16))
    with pytest.raises(SceneReadError, match=r"10m\.npy"):
        run("val")
    table = root / "train_dataset.geojson"
    table.write_text(table.read_text().replace("Mines", "Volcanoes"))
    with pytest.raises(SceneError, match="row 1: Type has the unknown class 'Volcanoes'"):
        run("train")
    table.unlink()
    with pytest.raises(SceneReadError, match="root=FOLDER"):
        run("train")
