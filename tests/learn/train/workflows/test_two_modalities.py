"""Radar and optical images in training, radar in maps: one encoder is exported, and needs nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from pydantic import ValidationError

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
pytest.importorskip("lightning", reason="the extra `train` is not installed")

from geoseg.learn.evaluate.scene_maps import map_sample  # noqa: E402
from geoseg.learn.evaluate.subjects import Subject  # noqa: E402
from geoseg.learn.samples import IGNORE, DataSpec, find_samples, sample_windows, split  # noqa: E402
from geoseg.learn.train.bundle_export import export  # noqa: E402
from geoseg.learn.train.config import read_config  # noqa: E402
from geoseg.learn.train.crops import Windows  # noqa: E402
from geoseg.learn.train.paired_crops import PairedCrops  # noqa: E402
from geoseg.learn.train.training_folder import load_weights  # noqa: E402
from geoseg.learn.train.training_module import SegmentationModule  # noqa: E402
from geoseg.learn.train.training_run import train  # noqa: E402
from geoseg.learn.train.training_spec import TrainSpec  # noqa: E402
from geoseg.learn.train.two_modality_module import TwoModalityModule  # noqa: E402
from geoseg.runtimes.choose import open_session  # noqa: E402
from geoseg.spec import ModelSpec  # noqa: E402
from tests.messages import progress  # noqa: E402
from tests.prepared_process import geoseg  # noqa: E402
from tests.simulated import EAST, NORTH, SIDE, disc  # noqa: E402

OPTICAL = ("s2:green", "s2:swir16")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSpec:
    """Six lakes, noisy in one radar band of 10 m, clear in two optical bands of 20 m with a cloud."""
    root = tmp_path_factory.mktemp("both")
    for chip in range(6):
        rng = np.random.default_rng(chip)
        water = disc(SIDE, 30 + 5 * chip, 48, 16 + chip)
        radar = np.where(water, -20.0, -12.0) + rng.normal(0, 3, water.shape)
        coarse = water[::2, ::2]
        optical = np.stack([np.where(coarse, 0.06, 0.05), np.where(coarse, 0.02, 0.25)])
        optical[:, 4:16, 4:16] = np.nan
        for name, values, bands, step in (
            ("s1", radar[None].astype("float32"), ("vv",), 10),
            ("s2", optical.astype("float32"), ("green", "swir16"), 20),
            ("label", water[None].astype("uint8"), (), 10),
        ):
            path = root / name / f"chip_{chip}.tif"
            path.parent.mkdir(exist_ok=True)
            with rasterio.open(
                path, "w", driver="GTiff", count=len(values), dtype=values.dtype.name, crs="EPSG:32633",
                width=values.shape[2], height=values.shape[1],
                transform=Affine(step, 0, EAST + 5000 * chip, 0, -step, NORTH),
            ) as file:  # fmt: skip
                file.write(values)
                if bands:
                    file.descriptions = bands
    return DataSpec.model_validate(
        {
            "root": root,
            "images": [
                {"files": "s1/{id}.tif", "sensor": "sentinel-1"},
                {"files": "s2/{id}.tif", "sensor": "sentinel-2-l2a", "prefix": "s2"},
            ],
            "labels": {"files": "label/{id}.tif"},
        }
    )


def config(data: DataSpec, **change: Any) -> TrainSpec:
    return TrainSpec.model_validate(
        {
            "name": "radar-water",
            "data": data.model_dump(),
            "split": {"kind": "runs", "parts": 3, "val": ["1"]},
            "units": "db",
            "bands": [{"name": "vv"}],
            "helper": {"bands": [{"name": name} for name in OPTICAL], "units": "reflectance"},
            "classes": [
                {"value": 0, "label": "background", "colour": "#f2efe9"},
                {"value": 1, "label": "water", "colour": "#2b8cff"},
            ],
            "tile": 96,
            "overlap": 32,
            "network": {
                "architecture": "unet", "encoder": "tu-resnet10t", "depth": 3, "decoder_channels": [16, 8, 8],
            },
            "loop": {"epochs": 3, "crop": 64, "batch": 4, "samples_per_epoch": 16, "accelerator": "cpu",
                     "learning_rate": 0.004, "keep": "last", "seed": 3},
            **change,
        }
    )  # fmt: skip


def test_the_exported_bundle_is_the_network_with_the_second_modality_hidden(
    data: DataSpec, tmp_path: Path
) -> None:
    spec = config(data)
    train(spec, tmp_path / "run", progress)
    model = export(tmp_path / "run", tmp_path / "radar-water").model
    assert isinstance(model, ModelSpec)
    assert [band.name for band in model.bands] == ["vv"]

    table = json.loads((tmp_path / "run" / "training.json").read_text())
    assert spec.helper is not None
    learner = TwoModalityModule(spec, spec.helper, table["statistics"], [(0.0, 1.0)] * 2, [0.5, 0.5]).eval()
    state = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    learner.load_state_dict(state)
    plain = SegmentationModule(spec, table["statistics"], [0.5, 0.5], fetch=False).eval()
    load_weights(plain.network, tmp_path / "run", spec.loop)

    image = torch.randn(1, 1, 96, 96)
    with torch.no_grad():
        hidden = learner.both(
            learner.network, image, torch.randn(1, 2, 96, 96), torch.zeros(1, 1, 96, 96)
        ).joint
        assert torch.equal(hidden, plain.network(image))
    opened = open_session(model, device="cpu", precision="fp32", tile=96)
    found = opened.session(image.numpy())
    opened.session.close()
    np.testing.assert_allclose(found, torch.sigmoid(hidden).numpy(), atol=1e-5)

    # The map needs no optical image, and learns from both.
    scene = next((data.root / "s1").glob("chip_5.tif"))
    done = geoseg(
        "segment", scene, "--model", tmp_path / "radar-water", "--sensor", "sentinel-1", "--sar-units", "db",
        "-o", tmp_path / "map.gpkg", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = [band["name"] for item in json.loads(done.stdout)["inputs"] for band in item["bands"]]
    assert names == ["vv"]
    assert (
        "s2:green, s2:swir16, which maps do not need" in (tmp_path / "radar-water" / "README.md").read_text()
    )
    subject = Subject(name="radar-water", model=str(tmp_path / "radar-water"))
    map_sample(subject, find_samples(spec.data)[0], spec, tmp_path / "judged.tif")
    with rasterio.open(tmp_path / "judged.tif") as file:
        assert set(np.unique(file.read(1))) <= {0, 1}
    log = (tmp_path / "run" / "logs" / "metrics.csv").read_text().splitlines()[0]
    assert {"train_alone", "train_joint", "train_alike", "train_specific"} <= set(log.split(","))


def test_crops_hold_both_modalities_and_where_the_second_is_seen(data: DataSpec) -> None:
    spec = config(data, augment={"flips": False, "gain": 0.0})
    assert spec.helper is not None
    windows = Windows(spec, ("vv",), optional=OPTICAL)
    places = sample_windows(find_samples(spec.data), spec.data)[:1]
    chip = windows.read(places[0])
    assert chip.pixels.shape == (3, SIDE, SIDE)
    unseen = np.isnan(chip.pixels[1])
    assert 20 * 20 < unseen.sum() < 28 * 28
    assert (chip.label != IGNORE).all()  # a cloud in the second image hides no label
    crops = PairedCrops(spec, spec.helper, windows, places, (((-14.0, 4.0),), ((0.05, 0.1), (0.2, 0.1))))
    planes, label = crops[3]
    assert planes.shape == (4, 64, 64)
    assert label.shape == (64, 64)
    assert set(np.unique(planes[3])) <= {0.0, 1.0}
    assert (planes[1:3, planes[3] == 0] == 0).all()
    water = (label == 1) & (planes[3] == 1)
    assert planes[2, water].mean() < planes[2, (label == 0) & (planes[3] == 1)].mean() - 1


def test_radiometry_changes_in_the_first_modality_alone(data: DataSpec) -> None:
    augment = {"flips": False, "gain": 2.0, "speckle": 1.0, "drop_band": 1.0}
    made = []
    for options in ({"flips": False}, augment):
        spec = config(data, augment=options)
        assert spec.helper is not None
        windows = Windows(spec, ("vv",), optional=OPTICAL)
        places = sample_windows(find_samples(spec.data), spec.data)[:1]
        statistics = (((-14.0, 4.0),), ((0.05, 0.1), (0.2, 0.1)))
        made.append(PairedCrops(spec, spec.helper, windows, places, statistics)[3][0].numpy())
    assert not np.allclose(made[0][0], made[1][0])
    np.testing.assert_array_equal(made[0][1:], made[1][1:])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"helper": {"bands": [{"name": "green"}], "units": "reflectance"}}, "prefix of one further image"),
        ({"helper": {"bands": [{"name": "s2:green"}, {"name": "s3:red"}], "units": "db"}}, "one further"),
        ({"helper": {"bands": [{"name": "s3:green"}], "units": "reflectance"}}, "has the prefix s3"),
        ({"bands": [{"name": "vv"}, {"name": "s2:green"}]}, "bands of s2 are those of the helper"),
        ({"network": {"architecture": "pixel"}}, "architecture pixel"),
        ({"network": {"architecture": "bit", "encoder": "resnet18"}}, "architecture bit"),
        ({"network": {"reduce": 2}}, "reduce 2"),
        ({"network": {"architecture": "linear", "encoder": "galileo-nano", "train": "frozen",
                      "weights": "none"}}, "train frozen"),
    ],
)  # fmt: skip
def test_a_helper_that_does_not_fit_is_refused(data: DataSpec, change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        config(data, **change)


def test_the_installed_config_reads_the_layout_of_sen1floods11(tmp_path: Path) -> None:
    """Files, bands and codes as published: 13 bands of level 1C, decibels with NaN, -1 for no label."""
    rng = np.random.default_rng(0)
    for number, region in enumerate(("Bolivia", "Ghana", "Mekong")):
        for name in (103757 + number, 23014 + number):
            water = disc(64, 30, 30, 12)
            radar = np.stack([np.where(water, -19.0, -10.0), np.where(water, -26.0, -16.0)]).astype("float32")
            radar[:, :3] = np.nan
            optical = rng.integers(900, 3000, (13, 64, 64)).astype("uint16")
            optical[2] = 1000 + name % 7
            label = np.where(water, 1, 0).astype("int16")
            label[-3:] = -1
            for kind, values in (("S1Hand", radar), ("S2Hand", optical), ("LabelHand", label[None])):
                path = tmp_path / kind / f"{region}_{name}_{kind}.tif"
                path.parent.mkdir(exist_ok=True)
                with rasterio.open(
                    path, "w", driver="GTiff", width=64, height=64, count=len(values), crs="EPSG:4326",
                    dtype=values.dtype.name, transform=Affine(9e-5, 0, 10.0, 0, -9e-5, 5.0),
                ) as file:  # fmt: skip
                    file.write(values)
    spec = read_config("flood-s1-s2", tmp_path)
    assert isinstance(spec, TrainSpec)
    assert spec.helper is not None
    roles = split(sample_windows(find_samples(spec.data), spec.data), spec.split)
    assert {name: len(places) for name, places in roles.items()} == {"train": 2, "val": 2, "test": 2}
    windows = Windows(spec, ("vv", "vh"), optional=spec.helper.names)
    chip = windows.read(roles["train"][0])
    assert chip.pixels.shape == (8, 64, 64)
    assert (chip.label[:3] == IGNORE).all()
    assert (chip.label[-3:] == IGNORE).all()
    assert set(np.unique(chip.label[3:-3])) == {0, 1}
    green = list(spec.helper.names).index("s2:green")
    assert 0.0999 < float(np.nanmin(chip.pixels[2 + green])) < 0.1008
