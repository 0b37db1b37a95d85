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
from geoseg.outputs import Layer, open_layers, open_vector
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
        count: int, crs: CRS | None, layer: str
    ) -> tuple[dict[str, Any], np.ndarray[Any, np.dtype[np.uint8]]]:
        path, picture = tmp_path / "map.gpkg", tmp_path / "map.png"
        with together(path, overwrite=True) as beside:
            sink = open_vector(
                path, layer="flood", classes=classes[1:], schema=schema, crs=crs, beside=beside
            )
            sink.write(make_features(count))
            sink.finish(record, footprint)
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
