"""`geoseg methane facilities` as users type it: what it writes, prints and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import typer
import yaml
from geoseg.cli import methane

from geoseg.spec import FacilitiesSpec, RunSpec
from geoseg.spec.facilities import UNUSED
from tests.classifiers import NAIP, SENTINEL_2, mean_classifier, write_scene

Geoseg = Callable[..., tuple[str, str]]
SENSOR = ("--sensor", "sentinel-2-l2a-harmonised")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a scene of 200 x 220 pixels and classifiers of one and of two sensors."""
    place = tmp_path_factory.mktemp("facilities")
    rng = np.random.default_rng(0)
    counts = (2000 + 20 * np.arange(220) + rng.integers(0, 99, (200, 220))).astype(np.uint16)
    write_scene(place / "scene.tif", counts[None], ["green"])
    write_scene(place / "red.tif", counts[None], ["red"])
    write_scene(place / "counts.tif", counts[None], ["green"], scale=1)
    write_scene(place / "small.tif", counts[None, :60], ["green"])
    write_scene(place / "lost.tif", counts[None], ["green"], crs=None)
    mean_classifier(place / "mean", gains=[1, 1, 0, 0, 0, 0])
    mean_classifier(place / "two", (SENTINEL_2, NAIP))
    return place


def test_for_people(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    out, err = geoseg(
        "methane", "facilities", folder / "scene.tif", *SENSOR, "--model", folder / "mean",
        "--threshold", 0.5, "-o", tmp_path / "a.gpkg", "--scores", tmp_path / "a.tif",
        "--picture", tmp_path / "a.png", "--report", tmp_path / "a.html",
    )  # fmt: skip
    assert "concentrated animal feeding operations (1)" in out
    assert "km²" in out
    assert "note: classifier runs on" in err
    for name in ("a.gpkg", "a.tif", "a.png", "a.html"):
        assert str(tmp_path / name) in out
        assert (tmp_path / name).is_file()
    assert "facilities map" in geoseg("info", tmp_path / "a.gpkg")[0]
    assert "facilities map" in geoseg("info", tmp_path / "a.tif")[0]


def test_for_programs(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    out, _ = geoseg(
        "methane", "facilities", folder / "scene.tif", *SENSOR, "--model", folder / "mean",
        "--threshold", 0.5, "-o", tmp_path / "a.gpkg", "--json",
    )  # fmt: skip
    record = json.loads(out)
    assert record["task"] == "facilities"
    assert json.loads(geoseg("info", tmp_path / "a.gpkg", "--json")[0]) == record
    points = geopandas.read_file(tmp_path / "a.gpkg", layer="facilities")
    assert [item["polygons"] for item in record["classes"]] == [
        int((points["class"] == value).sum()) for value in range(1, 7)
    ]
    assert record["classes"][0]["polygons"] > 0
    assert record["classes"][2]["polygons"] == 0


def test_a_request_is_kept(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    arguments = (
        "methane", "facilities", folder / "scene.tif", *SENSOR, "--model", folder / "two", "--also",
        f"naip={folder / 'none.tif'}", "--threshold", 0.25, "-o", tmp_path / "a.gpkg",
    )  # fmt: skip
    config = tmp_path / "run.yaml"
    config.write_text(geoseg(*arguments, "--print-config")[0])
    said = yaml.safe_load(config.read_text())
    assert said["also"] == {"naip": str(folder / "none.tif")}
    assert said["threshold"] == 0.25
    _, err = geoseg("methane", "facilities", "--config", config, code=3)
    assert "none.tif" in err
    said["also"] = {}
    config.write_text(yaml.safe_dump(said))
    assert (tmp_path / "a.gpkg").is_file() is False
    geoseg("methane", "facilities", "--config", config)
    assert (tmp_path / "a.gpkg").is_file()


def test_a_plan_writes_nothing(folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    arguments = (folder / "scene.tif", *SENSOR, "--model", folder / "mean", "-o", tmp_path / "a.gpkg")
    out, _ = geoseg("methane", "facilities", *arguments, "--dry-run", "--json")
    plan = json.loads(out)
    assert (plan["tiles"], plan["strips"]) == (5 * 5, 5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("scene.tif", "--model", "flood-sar"), 4, "is a segmentation network, not a scene classifier"),
        (("scene.tif", "--model", "none"), 4, "none: no such file"),
        (("scene.tif",), 2, "no model is given"),
        (("red.tif", *SENSOR, "--model", "{mean}"), 3, "green"),
        (("lost.tif", *SENSOR, "--model", "{mean}"), 3, "has no CRS, so its pixel size in metres is unknown"),
        (("small.tif", *SENSOR, "--model", "{mean}"), 3, "footprint of model mean (720 x 720 m)"),
        (("counts.tif", "--model", "{mean}"), 4, "requires reflectance, the scene has"),
        (("scene.tif", *SENSOR, "--model", "{mean}", "--threshold", "1.5"), 2, "--threshold"),
        (("scene.tif", *SENSOR, "--model", "{mean}", "--also", "naip"), 2, "is not NAME=PATH"),
        (("scene.tif", *SENSOR, "--model", "{mean}", "--also", "naip=x.tif"), 2, "no input 'naip'"),
        (("scene.tif", *SENSOR, "--model", "{mean}", "--sensor-input", "naip"), 2, "no input 'naip'"),
        (("scene.tif", *SENSOR, "--model", "{mean}", "--bbox", "1,2,3,4"), 3, "lies outside the scene"),
        (("none.tif", "--model", "{mean}"), 3, "none.tif"),
    ],
)
def test_what_cannot_be_is_refused(
    arguments: tuple[str, ...], code: int, told: str, folder: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    scene, *options = (text.format(mean=folder / "mean") for text in arguments)
    out, err = geoseg("methane", "facilities", folder / scene, *options, "-o", tmp_path / "a.gpkg", code=code)
    assert out == ""
    assert told in err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("existing", ["a.gpkg", "a.tif", "a.fgb", "a.footprints.fgb"])
def test_nothing_is_overwritten(existing: str, folder: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    (tmp_path / existing).write_text("mine")
    name = "a.fgb" if existing.endswith(".fgb") else "a.gpkg"
    arguments = (
        folder / "scene.tif", *SENSOR, "--model", folder / "mean", "-o", tmp_path / name,
        "--scores", tmp_path / "a.tif",
    )  # fmt: skip
    _, err = geoseg("methane", "facilities", *arguments, code=6)
    assert "--overwrite" in err
    assert [path.name for path in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing).read_text() == "mine"
    geoseg("methane", "facilities", *arguments, "--overwrite")
    assert (tmp_path / existing).read_bytes() != b"mine"


@pytest.mark.parametrize(
    "command", [("segment",), ("flood",), ("change", "{scene}")], ids=["segment", "flood", "change"]
)
def test_maps_of_pixels_refuse_classifiers(
    command: tuple[str, ...], folder: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    scene = folder / "scene.tif"
    name, *more = (text.format(scene=scene) for text in command)
    arguments = (name, *more, scene, *SENSOR, "--model", folder / "mean", "-o", tmp_path / "a.gpkg")
    _, err = geoseg(*arguments, code=4)
    assert "is a scene classifier, not a segmentation network; use `geoseg methane facilities" in err


def test_help_and_models(folder: Path, geoseg: Geoseg, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "facilities" in geoseg("methane")[0]
    assert "--also" in geoseg("methane", "facilities", "--help-all")[0]
    monkeypatch.setenv("GEOSEG_MODELS", str(folder))
    listed = geoseg("models", "list")[0]
    assert "sentinel-2: green; naip: red nir" in listed
    shown = geoseg("info", folder / "two")[0]
    assert "scene-classification" in shown
    assert "720 x 720" in shown
    assert "no defects" in geoseg("models", "check", folder / "mean")[0]


def test_every_field_of_a_request_has_an_option() -> None:
    group = typer.main.get_command(methane.app)
    command = group.commands["facilities"]  # type: ignore[attr-defined]
    options = {param.name for param in command.get_params(typer.Context(command))}
    assert set(FacilitiesSpec.model_fields) - {"run"} <= options
    assert set(RunSpec.model_fields) - options == set(UNUSED)
