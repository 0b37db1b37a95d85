"""The packages in pyproject.toml, and what importing the command line may load.

Which module may import which is held by the import-linter contracts in pyproject.toml (`make lint`).
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    "torch",
    "onnxruntime",
    "openvino",
    "rasterio",
    "geopandas",
    "pyogrio",
    "scipy",
    "shapely",
    "jinja2",
    "matplotlib",
)


def _modules() -> list[Path]:
    """Every module that is installed."""
    return [path for folder in ("geoseg", "models", "cli") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_packages_are_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    homes = {"geoseg": "geoseg", "cli": "geoseg.cli", "models": "geoseg.models", "configs": "geoseg.configs"}
    found = set()
    for folder, name in homes.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inner = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join((name, *inner)))
    assert listed == found


def test_the_oldest_versions_are_the_lower_bounds() -> None:
    """constraints/oldest.txt is made from pyproject.toml by `make constraints`."""
    script = ROOT / "constraints" / "oldest.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert (ROOT / "constraints" / "oldest.txt").read_text() == done.stdout


def test_tests_import_the_installed_name() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").split(".")[0] not in {"cli", "models", "configs"}, path


def test_modules_are_short() -> None:
    """A module of more than 400 lines holds several things."""
    assert not [path for path in _modules() if len(path.read_text().splitlines()) > 400]


def test_library_has_no_assert() -> None:
    for path in _modules():
        asserts = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)]
        assert not asserts, f"{path}:{asserts[0].lineno} would vanish under python -O"


def test_tables_of_pandas_are_of_the_python_interface_alone() -> None:
    """The core installation has neither package; only `Map.polygons` and what is given to it need them."""
    users = {
        path.relative_to(ROOT).as_posix()
        for path in _modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([item.name for item in node.names] if isinstance(node, ast.Import) else [node.module])
        if str(name).partition(".")[0] in {"pandas", "geopandas"}
    }
    assert users == {"geoseg/api/map.py"}


def test_no_table_of_pandas_is_read() -> None:
    """`pyogrio.read_dataframe` imports pandas."""
    assert not [path for path in _modules() if "read_dataframe(" in path.read_text()]


@pytest.mark.parametrize("arguments", [["--help"], ["flood", "--no-such-option"]])
def test_start_up_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from geoseg.cli import main\n"
        f"sys.argv = ['geoseg', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"sys.stderr.write('HEAVY:' + ','.join(m for m in {HEAVY!r} if m in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.rsplit("HEAVY:", 1)[1] == ""


def test_test_files_mirror_the_code() -> None:
    """tests/ROOM/test_NAME.py tests geoseg/ROOM/NAME.py; `workflows` folders test several modules at once."""
    modules = set()
    for folder, place in (
        ("geoseg", ""),
        ("cli", "cli"),
        ("models", "models"),
        ("docs", "docs"),
        ("bench", "bench"),
    ):
        for path in (ROOT / folder).rglob("*.py"):
            inner = Path(place) / path.relative_to(ROOT / folder)
            modules.add(inner.parent if inner.name == "__init__.py" else inner.with_suffix(""))
    for path in (ROOT / "tests").rglob("test_*.py"):
        inner = path.relative_to(ROOT / "tests")
        if "workflows" not in inner.parts:
            mirrored = inner.with_name(inner.stem.removeprefix("test_"))
            assert mirrored in modules, (
                f"{inner} tests no module of its name; move it to {inner.parent}/workflows"
            )
