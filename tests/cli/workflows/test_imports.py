"""A command imports only the slow packages that it uses, and they are complete where it uses them."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.products.ground import write_raster

SLOW = ("pandas", "geopandas", "pyarrow", "boto3", "scipy", "onnxruntime", "openvino", "torch", "PIL")
"""Packages that take longer to import than a small raster to map."""
VECTOR = ("pyogrio", "shapely")


def _run(folder: Path, code: str) -> str:
    """Run code in a new process and return its last line of stdout."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["info", "chip.tif"], set()),
        (["vectorize", "classes.tif", "-o", "map.gpkg"], {*VECTOR}),
        (["flood", "chip.tif", "--clouds", "none", "--method", "mndwi", "-o", "a.gpkg"], {*VECTOR}),
        (["change", "chip.tif", "other.tif", "--clouds", "none", "-o", "b.gpkg"], {"scipy", *VECTOR}),
    ],
    ids=lambda item: item[0] if isinstance(item, list) else "",
)
def test_a_command_imports_what_it_uses(tmp_path: Path, arguments: list[str], allowed: set[str]) -> None:
    rng = np.random.default_rng(0)
    bands = ("B02", "B03", "B04", "B8A", "B11", "B12")
    for name in ("chip.tif", "other.tif"):
        values = rng.integers(500, 4000, (6, 128, 128)).astype(np.uint16)
        write_raster(tmp_path / name, values, descriptions=bands)
    write_raster(tmp_path / "classes.tif", (values[:1] > 2000).astype(np.uint8))
    found = json.loads(
        _run(
            tmp_path,
            f"import json, sys\nfrom geoseg.cli import main\nsys.argv = ['geoseg', *{arguments!r}]\n"
            "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
            f"print(json.dumps([name for name in {(*SLOW, *VECTOR)!r} if name in sys.modules]))",
        )
    )
    assert set(found) <= allowed


@pytest.mark.parametrize("package", ["geopandas", "pandas", "pyarrow"])
def test_postponed_packages_are_complete(tmp_path: Path, package: str) -> None:
    """pyogrio takes them for installed, and whoever imports one gets the package itself."""
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    code = (
        "import sys\nfrom geoseg.cli.lazy_packages import import_when_used\nimport_when_used()\n"
        f"import pyogrio\nassert {package!r} not in sys.modules\nfrom pyogrio import _compat\n"
        "import geopandas, shapely\n"
        "frame = geopandas.GeoDataFrame({'a': [1]}, geometry=[shapely.Point(1, 2)], crs=4326)\n"
        "frame.to_file('a.gpkg')\nprint(geopandas.read_file('a.gpkg')['a'][0])\n"
        f"import {package}\nassert {package}.__file__ and _compat.HAS_GEOPANDAS\n"
        f"print(_compat.{package}.__version__ == {package}.__version__)"
    )
    assert _run(tmp_path, code) == "True"


def test_a_postponed_package_is_imported_when_its_library_uses_it(tmp_path: Path) -> None:
    if find_spec("boto3") is None:
        pytest.skip("boto3 is not installed")
    code = (
        "import sys\nfrom geoseg.cli.lazy_packages import import_when_used\nimport_when_used()\n"
        "import rasterio, rasterio.session\nassert 'boto3' not in sys.modules\n"
        "rasterio.session.AWSSession(aws_access_key_id='a', aws_secret_access_key='b')\n"
        "print('boto3' in sys.modules)"
    )
    assert _run(tmp_path, code) == "True"
