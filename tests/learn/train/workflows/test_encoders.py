"""A network on a pretrained encoder, of two dates: trained, exported, mapped by the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import rasterio

pytest.importorskip("lightning", reason="the extra `train` is not installed")

from pydantic import ValidationError

from geoseg.errors import UsageError
from geoseg.learn.train.config import read_config
from geoseg.learn.train.training_spec import TrainSpec, metadata_of
from geoseg.spec.presets import encoders
from tests.prepared_process import geoseg
from tests.simulated import SIDE, disc, write_set

CONFIG = """
name: encoder-water
task: segmentation
data:
  root: {root}
  images:
    - files: "{{region}}/image/{{id}}.tif"
      sensor: sentinel-2-l2a
      bands: {{nir: 1, nir08: 2}}
    - files: "{{region}}/image/{{id}}.tif"
      sensor: sentinel-2-l2a
      bands: {{nir: 1, nir08: 2}}
      prefix: t2
  labels:
    files: "{{region}}/label/{{id}}.tif"
    codes: {{1: 0, 2: 1}}
    ignore: [0]
split: {{kind: runs, parts: 4, val: ["1"]}}
units: reflectance
bands: [{{name: nir}}, {{name: nir08}}, {{name: "t2:nir"}}, {{name: "t2:nir08"}}]
classes:
  - {{value: 0, label: background, colour: "#f2efe9"}}
  - {{value: 1, label: water, colour: "#2b8cff"}}
tile: 32
overlap: 8
network: {{architecture: linear, encoder: galileo-nano, weights: {weights}, train: frozen, patch: 2}}
loop: {{epochs: 3, crop: 32, batch: 8, samples_per_epoch: 64, learning_rate: 0.02, keep: last, seed: 3}}
"""


SIX = ("blue", "green", "red", "nir08", "swir16", "swir22")
DATED = """
name: dated-water
data:
  root: {root}
  images: [{{files: "image/{{id}}.tif", sensor: sentinel-2-l2a}}]
  labels: {{files: "label/{{id}}.tif"}}
split: {{kind: random, parts: 4, val: ["1"]}}
units: reflectance
bands: [{bands}]
classes:
  - {{value: 0, label: background, colour: "#f2efe9"}}
  - {{value: 1, label: water, colour: "#2b8cff"}}
tile: 32
overlap: 0
network: {{architecture: linear, encoder: prithvi-eo-2.0-tiny-tl, weights: none}}
loop: {{epochs: 1, crop: 32, batch: 4, samples_per_epoch: 8, keep: last, seed: 3}}
"""


def dated(folder: Path, source: Path, name: str) -> Path:
    """A scene with two bands and a date in its name."""
    path = folder / f"{name}.tif"
    with rasterio.open(source) as file:
        profile, values = file.profile, file.read()
    with rasterio.open(path, "w", **profile) as file:
        file.write(values)
        file.descriptions = ("nir", "nir08")
    return path


def test_from_published_weights_to_a_map_of_two_dates(weights_dir: Path, tmp_path: Path) -> None:
    write_set(tmp_path / "set", chips=8)
    config = tmp_path / "config.yaml"
    weights = weights_dir / "galileo-nano" / "encoder.pt"
    config.write_text(CONFIG.format(root=tmp_path / "set", weights=weights))
    run, bundle = tmp_path / "run", tmp_path / "encoder-water"
    for arguments in (("train", config, "-o", run, "--threads", 2), ("export", run, "-o", bundle)):
        done = geoseg(*arguments)
        assert done.returncode == 0, done.stderr
    described = json.loads((bundle / "model.json").read_text())["properties"]
    assert described["geoseg:metadata"] == ["month", "t2:month"]
    assert described["geoseg:encoder"].startswith("galileo-nano (MIT)")
    session = onnxruntime.InferenceSession(str(bundle / "model.onnx"))
    assert session.get_inputs()[0].shape[1:] == [6, 32, 32]

    image = tmp_path / "set" / "east" / "image" / "chip_7.tif"
    first, second = (dated(tmp_path, image, name) for name in ("a_20240302T100000", "b_20240802T100000"))
    options = ("--sensor", "sentinel-2-l2a", "--model", bundle, "--json", "--overwrite")
    done = geoseg(
        "segment", second, first, *options, "-o", tmp_path / "map.gpkg", "--raster", tmp_path / "map.tif"
    )
    assert done.returncode == 0, done.stderr
    assert "the month" not in done.stderr
    record = json.loads(done.stdout)
    assert [item["name"] for item in record["inputs"]] == [first.stem, second.stem]
    assert record["model"]["encoder"].startswith("galileo-nano (MIT)")
    with rasterio.open(tmp_path / "map.tif") as file:
        water = file.read(1) == 1
    lake = disc(SIDE, 30 + 4 * 7, 48, 14 + 7)
    assert (water & lake).sum() / (water | lake).sum() > 0.7

    alone = geoseg("segment", first, *options, "-o", tmp_path / "one.gpkg")
    assert alone.returncode == 2
    assert "needs 2 scenes, one per date" in alone.stderr


def test_dates_and_places_reach_training_export_and_map(tmp_path: Path) -> None:
    """Prithvi -TL: the same pixels with another date or place have other scores; what lacks is reported."""
    bands = "{name: blue}, {name: green}, {name: red}, {name: nir08}, {name: swir16}, {name: swir22}"
    write_dated(tmp_path / "set")
    config = tmp_path / "config.yaml"
    config.write_text(DATED.format(root=tmp_path / "set", bands=bands))
    run, bundle = tmp_path / "run", tmp_path / "dated-water"
    for arguments in (("train", config, "-o", run, "--threads", 2), ("export", run, "-o", bundle)):
        done = geoseg(*arguments)
        assert done.returncode == 0, done.stderr
    described = json.loads((bundle / "model.json").read_text())["properties"]
    assert described["geoseg:metadata"] == ["year", "day", "lat", "lon"]
    scene = tmp_path / "set" / "image" / "chip_3_20230704T100000.tif"
    scores = {}
    for name, path in copies(scene, tmp_path).items():
        done = geoseg(
            "segment", path, "--sensor", "sentinel-2-l2a", "--model", bundle, "--precision", "fp32",
            "-o", tmp_path / f"{name}.gpkg", "--scores", tmp_path / f"{name}.tif", "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        codes = {item["code"] for item in json.loads(done.stdout)["warnings"]}
        assert ("date-unknown" in codes) == (name == "undated")
        assert ("place-unknown" in codes) == (name == "unplaced")
        with rasterio.open(tmp_path / f"{name}.tif") as file:
            scores[name] = file.read(1).astype(int)
    for name in ("summer", "undated", "unplaced", "moved"):
        assert (scores[name] != scores["winter"]).any(), name


def copies(scene: Path, folder: Path) -> dict[str, Path]:
    """The same pixels on another date, without a date, without a CRS, and elsewhere."""
    with rasterio.open(scene) as file:
        profile, values = file.profile, file.read()
    moved = rasterio.Affine(10, 0, 300_000, 0, -10, 1_000_000)
    made = {}
    for name, stem, change in (
        ("winter", "scene_20210110T100000", {}),
        ("summer", "scene_20210710T100000", {}),
        ("undated", "scene", {}),
        ("unplaced", "unplaced_20210110T100000", {"crs": None}),
        ("moved", "moved_20210110T100000", {"transform": moved}),
    ):
        made[name] = folder / f"{stem}.tif"
        with rasterio.open(made[name], "w", **{**profile, **change}) as file:
            file.write(values)
            file.descriptions = SIX
    return made


def write_dated(root: Path) -> None:
    """Four chips of six bands with dates in their names; water is dark in the infrared."""
    for chip in range(4):
        rng = np.random.default_rng(chip)
        water = disc(48, 20 + 2 * chip, 24, 10)
        values = np.where(water, 0.03, 0.2) + rng.normal(0, 0.01, (6, 48, 48))
        profile: dict[str, Any] = {
            "driver": "GTiff",
            "width": 48,
            "height": 48,
            "crs": "EPSG:32633",
            "transform": rasterio.Affine(10, 0, 500_000 + 5000 * chip, 0, -10, 5_000_000),
        }
        for name, stem, planes in (
            ("image", f"chip_{chip}_2023070{1 + chip}T100000", values.astype(np.float32)),
            ("label", f"chip_{chip}_2023070{1 + chip}T100000", water[None].astype(np.uint8)),
        ):
            path = root / name / f"{stem}.tif"
            path.parent.mkdir(parents=True, exist_ok=True)
            with rasterio.open(path, "w", count=len(planes), dtype=planes.dtype.name, **profile) as file:
                file.write(planes)
                if name == "image":
                    file.descriptions = SIX


@pytest.mark.parametrize("name", ["water-encoder", "burn-scars"])
@pytest.mark.parametrize(
    "encoder", ["prithvi-eo-2.0-600m", "clay-1", "galileo-nano", "terramind-1.0-tiny", "olmoearth-1-nano"]
)
def test_installed_configs_fit_any_encoder_of_reflectance(name: str, encoder: str, tmp_path: Path) -> None:
    spec, known = read_config(name, tmp_path, {"network.encoder": encoder}), encoders()[encoder]
    assert spec.scale == 10_000
    assert spec.loop.crop == spec.tile
    assert spec.tile % known.patch == 0
    with pytest.raises(UsageError, match=r"was trained on .* as dn"):
        read_config(name, tmp_path, {"network.encoder": "dofa-1-base"})


def test_a_config_takes_normalisation_and_tile_of_its_encoder() -> None:
    spec = made()
    known = encoders()["galileo-nano"].bands
    assert [(band.mean, band.std) for band in spec.bands] == [
        (known[name].mean, known[name].std) for name in ("nir", "nir08")
    ]
    assert (spec.scale, spec.tile, spec.overlap, spec.loop.crop) == (10_000, 64, 16, 64)
    assert metadata_of(spec) == ("month",)
    assert made(tile=128, loop={"crop": 96}).loop.crop == 96
    random = made(network={"architecture": "linear", "encoder": "galileo-nano", "weights": "none"})
    assert random.bands[0].mean is None
    assert random.scale == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"scale": 1.0}, "as reflectance x 10000, and the config has reflectance x 1"),
        ({"units": "db"}, "reflectance x 10000"),
        ({"network": {"architecture": "fpn", "encoder": "resnet18", "train": "frozen"}}, "train: only for"),
        ({"network": {"architecture": "dpt", "encoder": "galileo-nano", "train": "half"}}, "train"),
    ],
)
def test_what_does_not_fit_the_encoder_is_refused(change: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        made(**change)


def made(**change: object) -> TrainSpec:
    return TrainSpec.model_validate(
        {
            "name": "water",
            "data": {"images": [{"files": "{id}.tif"}], "labels": {"files": "{id}.png"}},
            "units": "reflectance",
            "bands": [{"name": "nir"}, {"name": "nir08"}],
            "classes": [
                {"value": 0, "label": "land", "colour": "#f2efe9"},
                {"value": 1, "label": "water", "colour": "#2b8cff"},
            ],
            "network": {"architecture": "linear", "encoder": "galileo-nano"},
            **change,
        }
    )
