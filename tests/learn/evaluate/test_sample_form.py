"""A drawn sample in a real QGIS: a list of classes to choose from, and the map's own answer hidden."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from geoseg.learn.evaluate.sample_drawing import draw_sample
from geoseg.learn.evaluate.sample_writing import write_sample
from tests.classmaps import LABELS, patchy, write_map

PYTHON = "/usr/bin/python3"
SCRIPT = Path(__file__).with_name("qgis_form.py")

pytestmark = pytest.mark.qgis


def test_the_form_asks_and_does_not_tell(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    ours = ("PYTHON", "GDAL", "PROJ", "VIRTUAL_ENV")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    clean |= {"QT_QPA_PLATFORM": "offscreen", "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    if not Path(PYTHON).exists():
        pytest.skip(f"no {PYTHON}, which Debian's PyQGIS belongs to")
    probe = subprocess.run([PYTHON, "-c", "import qgis.core"], env=clean, check=False, capture_output=True)
    if probe.returncode:
        pytest.skip("no PyQGIS (apt-get install python3-qgis)")
    path = tmp_path / "points.gpkg"
    mapped = write_map(tmp_path / "map.tif", patchy())
    write_sample(draw_sample(str(mapped), 120), path, overwrite=False)
    done = subprocess.run(
        [PYTHON, str(SCRIPT), str(path)], env=clean, check=True, capture_output=True, text=True
    )
    facts = json.loads(done.stdout)
    assert facts["valid"]
    assert facts["crs"] == "EPSG:32633"
    assert facts["features"] == 120
    assert facts["strata"] == 3
    assert facts["editors"]["reference"] == "ValueMap"
    assert facts["editors"]["map_class"] == facts["editors"]["map_label"] == "Hidden"
    assert facts["hidden"] == ["map_class", "map_label"]
    assert facts["choices"] == [{f"{label} ({value})": str(value)} for value, label in LABELS.items()]
    # One symbol for all: colours would tell.
    assert facts["symbol"] == "singleSymbol"
