"""Pipes and devices are no inputs: no option waits for a pipe, or reads a device without end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.classifiers import mean_classifier
from tests.cli.workflows.network_files import FLOOD, scene
from tests.cli.workflows.test_network import RASTER_OPTIONS, VECTOR_OPTIONS

Geoseg = Callable[..., tuple[str, str]]
PLUME = ("methane", "plume", "scene.tif", "--satellite", "sentinel-2a", "--sun-zenith", 30)
TOA = ("--sensor", "sentinel-2-l1c", "--reference", "scene.tif", "-o", "map.gpkg")

TEXTS: dict[str, tuple[object, ...]] = {
    "facilities of plumes": (*PLUME, "--facilities", "{}", *TOA),
    "mask": ("flood", "scene.tif", "--mask", "{}", *FLOOD),
    "options": ("flood", "scene.tif", "--config", "{}", *FLOOD),
    "training": ("train", "{}"),
    "set": ("evaluate", "maps", "{}"),
}
MODELS: dict[str, tuple[object, ...]] = {
    "model": ("segment", "scene.tif", "--sensor", "sentinel-2-l2a", "--model", "{}", "-o", "map.gpkg"),
    "described": ("models", "show", "{}"),
    "pulled": ("models", "pull", "{}"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    scene(tmp_path)
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    return tmp_path


@pytest.mark.parametrize("name", ["pipe.csv", "device.csv"])
@pytest.mark.parametrize("option", [*RASTER_OPTIONS, *VECTOR_OPTIONS, *TEXTS])
def test_every_option_of_a_file(name: str, option: str, place: Path, geoseg: Geoseg) -> None:
    words: tuple[object, ...]
    if option in TEXTS:
        words = tuple(str(word).format(place / name) for word in TEXTS[option])
    else:
        words = {**RASTER_OPTIONS, **VECTOR_OPTIONS}[option](place / "scene.tif", place / name)
    _, err = geoseg(*words, code=3)
    assert f"{name} is a pipe, a device or a socket" in err


@pytest.mark.parametrize("name", ["pipe.csv", "device.csv", "bundle of a pipe", "weights of a pipe"])
@pytest.mark.parametrize("option", MODELS)
def test_every_option_of_a_model(name: str, option: str, place: Path, geoseg: Geoseg) -> None:
    """A pipe is no bundle; nothing waits for it."""
    if name.startswith("bundle"):
        (place / name).mkdir()
        os.mkfifo(place / name / "model.json")
    elif name.startswith("weights"):
        weights = mean_classifier(place / name).weights
        weights.unlink()
        os.mkfifo(weights)
        if option != "model":
            return  # the weights are not read
    words = (str(word).format(place / name) for word in MODELS[option])
    geoseg(*words, code=4)
