"""Maps in a real QGIS: the style is applied on opening and its colours are what is drawn."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from PIL import Image
from pyproj import CRS

from geoseg.features import Features
from geoseg.outputs import Layer, open_layers
from geoseg.outputs.layer import Kind
from geoseg.outputs.styles import FILL_ALPHA, rgb
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec
from tests.together import together

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).parents[1].joinpath("qgis_render.py")

pytestmark = pytest.mark.qgis


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What QGIS needs without a screen, and nothing of this Python's own GDAL."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    ours = ("PYTHON", "GDAL", "PROJ", "VIRTUAL_ENV")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    clean |= {"QT_QPA_PLATFORM": "offscreen", "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    if not Path(PYTHON).exists():
        pytest.skip(f"no {PYTHON}, which Debian's PyQGIS belongs to")
    probe = subprocess.run(
        [PYTHON, "-c", "import qgis.core"], env=clean, check=False, capture_output=True, text=True
    )
    if probe.returncode:
        pytest.skip(f"no PyQGIS (apt-get install python3-qgis): {probe.stderr.strip().splitlines()[-1:]}")
    return clean


@pytest.fixture
def opened(
    tmp_path: Path,
    environment: dict[str, str],
    classes: tuple[ClassSpec, ...],
    schema: dict[str, Kind],
    make_features: Callable[[int], Features],
    footprint: Features,
    record: RunRecord,
) -> Callable[..., tuple[dict[str, Any], np.ndarray[Any, np.dtype[np.uint8]]]]:
    def render(
        count: int, crs: CRS | None, layer: str, written: RunRecord = record
    ) -> tuple[dict[str, Any], np.ndarray[Any, np.dtype[np.uint8]]]:
        path, picture = tmp_path / "map.gpkg", tmp_path / "map.png"
        with together(path, overwrite=True) as beside:
            sink = open_layers(
                path, [Layer(name="flood", schema=schema, classes=tuple(classes[1:]), crs=crs)], beside=beside
            )
            sink.write(make_features(count))
            sink.finish(written, footprint)
        done = subprocess.run(
            [PYTHON, str(SCRIPT), str(path), layer, str(picture)],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
        with Image.open(picture) as image:
            return json.loads(done.stdout.splitlines()[-1]), np.asarray(image.convert("RGB"))

    return render


Opened = Callable[..., tuple[dict[str, Any], np.ndarray[Any, np.dtype[np.uint8]]]]


def near(image: np.ndarray[Any, np.dtype[np.uint8]], colour: tuple[float, ...]) -> int:
    """How many pixels have a colour, to rounding."""
    return int((np.abs(image.astype(float) - colour).max(axis=2) <= 2).sum())


@pytest.mark.parametrize("known", [True, False])
def test_polygons_open_styled(known: bool, opened: Opened, crs: CRS, classes: tuple[ClassSpec, ...]) -> None:
    facts, image = opened(120, crs if known else None, "flood")
    assert facts["valid"]
    assert facts["features"] == 120
    if known:
        assert facts["crs"] == "EPSG:32633"
    assert facts["renderer"] == "categorizedSymbol"
    assert facts["categories"] == [[str(c.value), c.label, c.colour] for c in classes[1:]]
    for spec in classes[1:]:
        share = FILL_ALPHA / 255
        fill = tuple(255 * (1 - share) + part * share for part in rgb(spec.colour))
        assert near(image, fill) > 100, f"{spec.label} is not filled with its colour"
        assert near(image, rgb(spec.colour)) > 20, f"{spec.label} has no outline of its colour"


def test_an_empty_map_opens_styled(opened: Opened, crs: CRS) -> None:
    facts, image = opened(0, crs, "flood")
    assert facts["valid"]
    assert facts["renderer"] == "categorizedSymbol"
    assert (image == 255).all()


def test_the_footprint_hides_nothing(opened: Opened, crs: CRS) -> None:
    facts, image = opened(3, crs, "scene")
    assert facts["valid"]
    assert facts["renderer"] == "singleSymbol"
    inside = image[150:250, 50:350]
    assert (inside == 255).all()
    assert (image != 255).any()


def test_points_open_styled(
    environment: dict[str, str],
    classes: tuple[ClassSpec, ...],
    schema: dict[str, Kind],
    make_features: Callable[[int], Features],
    footprint: Features,
    record: RunRecord,
    crs: CRS,
    tmp_path: Path,
) -> None:
    path, picture = tmp_path / "map.gpkg", tmp_path / "map.png"
    layer = Layer(name="sites", schema=schema, classes=classes[1:], crs=crs, shape="point")
    squares = make_features(40)
    with together(path) as beside:
        sink = open_layers(path, [layer], beside=beside)
        sink.write(Features(geometry=shapely.centroid(squares.geometry), columns=squares.columns))
        sink.finish(record, footprint)
    done = subprocess.run(
        [PYTHON, str(SCRIPT), str(path), "sites", str(picture)],
        env=environment, check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    facts = json.loads(done.stdout.splitlines()[-1])
    assert facts["valid"]
    assert facts["features"] == 40
    assert facts["categories"] == [[str(c.value), c.label, c.colour] for c in classes[1:]]
    with Image.open(picture) as image:
        drawn = np.asarray(image.convert("RGB"))
    for spec in classes[1:]:
        assert near(drawn, rgb(spec.colour)) > 20, f"{spec.label} is not drawn in its colour"


DATED: dict[str, Kind] = {
    "class": "int",
    "label": "text",
    "area_m2": "float",
    "from_class": "int",
    "date_before": "date",
    "date_after": "date",
}


def changes(
    environment: dict[str, str], tmp_path: Path, record: RunRecord, crs: CRS, dates: tuple[str, str]
) -> Any:
    """Open a map of change with one large polygon and one small one; return what QGIS reads and draws."""
    transitions = tuple(
        ClassSpec(value=value, label=label, colour=colour)
        for value, label, colour in ((1, "crop → town", "#d7191c"), (2, "crop → water", "#2b83ba"))
    )
    crops = (ClassSpec(value=7, label="crop", colour="#dddd00"),)
    path, picture = tmp_path / "map.gpkg", tmp_path / "map.png"
    features = Features(
        geometry=np.array([shapely.box(0, 0, 4000, 4000), shapely.box(4000, 4000, 4100, 4100)], object),
        columns={
            "class": np.array([1, 2]),
            "label": np.array(["crop → town", "crop → water"], object),
            "area_m2": np.array([16e6, 1e4]),
            "from_class": np.array([7, 7]),
            "date_before": np.full(2, dates[0], object),
            "date_after": np.full(2, dates[1], object),
        },
    )
    scene = Features(
        geometry=np.array([shapely.box(0, 0, 5000, 5000)], object),
        columns={
            "sensor": np.array(["sentinel-2-l2a"], object),
            "acquired": np.array([dates[1]], object),
            "acquired_before": np.array([dates[0]], object),
            "classes": np.array(["[]"], object),
        },
    )
    with together(path, overwrite=True) as beside:
        sink = open_layers(
            path,
            [
                Layer(
                    name="change",
                    schema=DATED,
                    classes=tuple(transitions),
                    crs=crs,
                    categories={"from_class": tuple(crops)},
                )
            ],
            beside=beside,
        )
        sink.write(features)
        sink.finish(record.model_copy(update={"task": "change"}), scene)
    found = {}
    for layer in ("change", "scene"):
        done = subprocess.run(
            [PYTHON, str(SCRIPT), str(path), layer, str(picture.with_suffix(f".{layer}.png"))],
            env=environment, check=True, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        found[layer] = json.loads(done.stdout.splitlines()[-1])
    with Image.open(picture.with_suffix(".change.png")) as image:
        return found, np.asarray(image.convert("RGB"))


def test_layers_explain_themselves(
    environment: dict[str, str], tmp_path: Path, record: RunRecord, crs: CRS
) -> None:
    found, image = changes(environment, tmp_path, record, crs, ("2016-11-30T13:07:57+00:00", "2017-11"))
    change, scene = found["change"], found["scene"]
    assert change["aliases"]["area_m2"] == "Area (m²)"
    assert change["types"]["date_before"] == change["types"]["date_after"] == "Date"
    assert change["values"]["class"] == {"crop → town": "1", "crop → water": "2"}
    assert change["values"]["from_class"] == {"crop": "7"}
    assert change["time"] == {"on": True, "mode": 2, "fields": ["date_before", "date_after"], "day": ""}
    assert change["labels"] == '"label"'
    assert "area_m2" in change["tip"]
    assert {"change", "change by before"} <= set(change["styles"])
    metadata = change["metadata"]
    assert metadata["title"].startswith("Change, ")
    assert metadata["crs"] == "EPSG:32633"
    assert metadata["bounds"] == [[0, 0, 4100, 4100]]
    assert "flood: 2 polygons" in metadata["abstract"]
    assert metadata["licences"]
    assert record.method in metadata["history"][0]
    # The large polygon has a label with a light rim.
    inside = image[150:300, 100:300].astype(int)
    assert inside.min(axis=2).max() > 190
    assert inside.max(axis=2).min() < 190
    assert scene["types"]["acquired"] == "DateTime"
    assert scene["time"]["on"]
    assert "classes" not in scene["types"]


def test_time_is_off_where_no_date_is_known(
    environment: dict[str, str], tmp_path: Path, record: RunRecord, crs: CRS
) -> None:
    found, _ = changes(environment, tmp_path, record, crs, ("", ""))
    assert not found["change"]["time"]["on"]
    assert not found["scene"]["time"]["on"]


def test_a_map_of_one_date_has_the_day_of_its_scene(opened: Opened, crs: CRS, record: RunRecord) -> None:
    scene = {**record.inputs[0], "time": "2024-05-28T10:30:21+00:00"}
    facts, _ = opened(20, crs, "flood", record.model_copy(update={"inputs": (scene,)}))
    assert facts["time"] == {"on": True, "mode": 0, "fields": ["", ""], "day": "2024-05-28"}
    assert facts["metadata"]["title"] == "Flood, 28 May 2024, Sentinel-1 (flood)"
