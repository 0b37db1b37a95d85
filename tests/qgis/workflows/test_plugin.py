"""The plugin in a real QGIS: built, installed into a fresh profile, every algorithm run on a raster."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
from pydantic import BaseModel
from rasterio.transform import xy

import geoseg
from geoseg.batch.tasks import TASKS
from geoseg.spec import ChangeSpec, FacilitiesSpec, FloodSpec, PlumeSpec, SegmentSpec
from geoseg.spec.request import places
from geoseg.spec.tools import VectorizeRequest
from tests.api.pixels import CRS, TRANSFORM, reflectance

ROOT = Path(__file__).parents[3]
PROCESS = Path("/usr/bin/qgis_process.bin")
LAYERS = Path(__file__).parents[1] / "qgis_layers.py"
RUN = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def options(plugin: Path) -> dict[str, Any]:
    tasks = json.loads((plugin / "geoseg_provider" / "options.json").read_text())["tasks"]
    return {task["name"]: task for task in tasks}


def test_labels_are_words_with_units(options: dict[str, Any]) -> None:
    labels = {item["name"]: item["label"] for task in options.values() for item in task["options"]}
    assert labels["min-area"] == "Smallest area (m²)"
    assert labels["aoi"] == "Area of interest"
    unread = {
        name: text for name, text in labels.items() if text.split(" ")[0] in {"Aoi", "Bbox", "Dst", "Sar"}
    }
    assert not unread
    assert not [text for text in labels.values() if text.endswith(("(M2)", "(M)", "(PX)", "(N)"))]


@pytest.mark.parametrize("name", ["flood", "change", "plume", "segment", "vectorize", "facilities"])
def test_every_option_is_in_the_dialogue(options: dict[str, Any], name: str) -> None:
    requests: dict[str, type[BaseModel]] = {
        "flood": FloodSpec,
        "change": ChangeSpec,
        "plume": PlumeSpec,
        "segment": SegmentSpec,
        "vectorize": VectorizeRequest,
        "facilities": FacilitiesSpec,
    }
    offered = {place.name for place in places(requests[name]).values() if place.offered}
    listed = {option["name"] for option in options[name]["options"]}
    answered = {"overwrite", "bbox-crs", "batch-size", "checkpoint"}
    assert listed == offered - answered
    assert options[name]["options"][-1]["name"] == "output"


def test_every_map_of_one_scene_is_there_for_many(options: dict[str, Any]) -> None:
    assert {name for name, task in options.items() if task["group"] == "Batch"} == {
        f"batch{name}" for name, task in options.items() if task["group"] == "Maps"
    }
    assert {" ".join(task["command"]) for task in options.values() if task["group"] == "Batch"} == {
        f"batch {name}" for name in TASKS
    }


def test_the_zip_is_a_plugin(plugin: Path) -> None:
    text = (plugin / "geoseg_provider" / "metadata.txt").read_text()
    assert f"version={geoseg.__version__}\n" in text
    assert "hasProcessingProvider=yes" in text
    assert (plugin / "geoseg_provider" / "LICENSE").is_file()


@pytest.fixture(scope="module")
def run(environment: dict[str, str]) -> RUN:
    def process(name: str, *, code: int = 0, **parameters: object) -> dict[str, Any]:
        given = [f"--{key}={value}" for key, value in parameters.items()]
        done = subprocess.run(
            [PROCESS, "--json", "run", f"geoseg:{name}", *given],
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert (done.returncode == 0) == (code == 0), done.stdout + done.stderr
        if code:
            return {"message": done.stdout + done.stderr}
        found: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])["results"]
        return found

    return process


CASES: dict[str, tuple[str, dict[str, object], str]] = {
    "flood": ("flood", {"INPUT": "after", "BEFORE": "before"}, "flood"),
    "change": ("change", {"BEFORE": "before", "AFTER": "after", "METHOD": "cva", "RULES": "none"}, "change"),
    "segment": (
        "segment",
        {"INPUT": "six", "MODEL": "water-optical", "SENSOR": "sentinel-2-l2a"},
        "segments",
    ),
    "vectorize": ("vectorize", {"MASK": "mask", "CLASS": "1=water:#2171b5"}, "segments"),
}


@pytest.mark.qgis
@pytest.mark.parametrize("case", CASES)
def test_a_map_is_made_and_opens_with_its_style(
    run: RUN, scenes: dict[str, Path], environment: dict[str, str], tmp_path: Path, case: str
) -> None:
    name, given, layer = CASES[case]
    parameters = {key: scenes.get(str(value), value) for key, value in given.items()}
    if name != "vectorize":
        parameters |= {
            "PICTURE": tmp_path / "map.png",
            "MIN_AREA": 500,
            "BBOX": "500000,500900,4599100,4600000 [EPSG:32633]",
        }
    results = run(name, OUTPUT=tmp_path / "map.gpkg", **parameters)
    assert results["OUTPUT"] == f"{tmp_path / 'map.gpkg'}|layername={layer}"
    if name != "vectorize":
        assert Path(results["PICTURE"]).read_bytes().startswith(b"\x89PNG")
    done = subprocess.run(
        ["/usr/bin/python3", LAYERS, results["OUTPUT"]],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    valid, features, renderer = json.loads(done.stdout.splitlines()[-1])[0]
    assert valid
    assert features >= 1
    assert renderer == "categorizedSymbol"


@pytest.mark.qgis
def test_a_network_is_fitted_and_many_scenes_are_mapped(
    run: RUN, scenes: dict[str, Path], tmp_path: Path
) -> None:
    pytest.importorskip("threadpoolctl", reason="the extra `fit` is not installed")
    data = reflectance()
    rows, cols = np.random.default_rng(5).integers(2, 94, (2, 60))
    x, y = xy(TRANSFORM, rows, cols)
    classes = np.where(data[1, rows, cols] < 0.1, "lake", "land")
    labels = geopandas.GeoDataFrame({"class": classes}, geometry=geopandas.points_from_xy(x, y), crs=CRS)
    labels.to_file(tmp_path / "labels.gpkg")
    bundle = tmp_path / "lakes"
    fitted = run(
        "fit", LABELS=tmp_path / "labels.gpkg", INPUT=scenes["before"], OUTPUT=bundle, PLACE_SIZE=150
    )
    assert fitted["OUTPUT"] == str(bundle)
    assert (bundle / "model.json").is_file()
    many = tmp_path / "many"
    many.mkdir()
    for name in ("before", "after"):
        shutil.copy(scenes[name], many)
    run("batchflood", INPUTS=many, OUTPUT=tmp_path / "maps", MIN_AREA=500)
    assert {path.name for path in (tmp_path / "maps").glob("*.gpkg")} == {
        "after.gpkg",
        "before.gpkg",
        "summary.gpkg",
    }


@pytest.mark.qgis
def test_class_rasters_of_a_list_and_pairs_among_the_inputs(
    run: RUN, scenes: dict[str, Path], tmp_path: Path
) -> None:
    listed = tmp_path / "masks.csv"
    listed.write_text(f"mask\n{scenes['mask']}\n")
    run("batchvectorize", INPUTS_FILE=listed, OUTPUT=tmp_path / "masks", CLASS="1=water:#2171b5")
    assert (tmp_path / "masks" / "mask.gpkg").is_file()
    many = tmp_path / "many"
    many.mkdir()
    for name, day in (("before", "20240501"), ("after", "20240513")):
        shutil.copy(scenes[name], many / f"scene_{day}.tif")
    run("batchflood", INPUTS=many, BEFORE_AUTO="true", OUTPUT=tmp_path / "maps")
    record = json.loads(geoseg_info(tmp_path / "maps" / "scene_20240513.gpkg"))
    assert [Path(path).name for item in record["inputs"] for path in item["paths"]] == [
        "scene_20240513.tif",
        "scene_20240501.tif",
    ]


def geoseg_info(path: Path) -> str:
    command = [sys.executable, "-m", "geoseg", "info", str(path), "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.qgis
def test_an_error_of_geoseg_is_the_error_of_the_algorithm(
    run: RUN, scenes: dict[str, Path], tmp_path: Path
) -> None:
    failed = run(
        "segment", code=1, INPUT=scenes["after"], MODEL="water-optical", OUTPUT=tmp_path / "map.gpkg"
    )
    assert "the scene has no band blue" in failed["message"]
    assert not list(tmp_path.iterdir())
    nothing = run("flood", code=1, OUTPUT=tmp_path / "map.gpkg")
    assert "give a layer or a folder" in nothing["message"]


@pytest.mark.qgis
def test_geoseg_is_installed_in_its_own_environment(environment: dict[str, str], tmp_path: Path) -> None:
    """By a wheel that holds a program of the same name: pip needs no network for it."""
    wheel = tmp_path / "geoseg-9.9-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("geoseg_stub.py", "def main():\n    print('geoseg 9.9')\n")
        info = "geoseg-9.9.dist-info"
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: geoseg\nVersion: 9.9\n")
        file.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        file.writestr(f"{info}/entry_points.txt", "[console_scripts]\ngeoseg = geoseg_stub:main\n")
        file.writestr(f"{info}/RECORD", "")
    fresh = {**environment, "XDG_DATA_HOME": str(tmp_path / "data")}
    subprocess.run([PROCESS, "plugins", "enable", "geoseg_provider"], env=fresh, check=True)
    done = subprocess.run(
        [PROCESS, "run", "geoseg:install", f"--PACKAGE={wheel}", f"--PYTHON={sys.executable}"],
        env=fresh, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    program = tmp_path / "data" / "geoseg" / "qgis-environment" / "bin" / "geoseg"
    assert f"PROGRAM:\t{program}" in done.stdout, done.stdout + done.stderr
    assert subprocess.run([program], capture_output=True, text=True, check=True).stdout == "geoseg 9.9\n"
