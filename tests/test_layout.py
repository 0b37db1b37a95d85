"""The house: packages listed as they stand, imports pointing down, nothing heavy at start-up."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    ("errors", "features", "messages"),
    ("grid",),
    ("pixels",),
    ("files", "methods"),
    ("spec",),
    ("run_record", "models"),
    ("polygons", "scenes", "bundles"),
    ("outputs", "runtimes"),
    ("engine",),
    ("atmosphere",),
    ("flood", "change", "methane", "segment"),
    ("demo", "learn"),
    ("cli",),
)
"""Rooms from the values up; a room imports those of lower layers only."""
BESIDE = {
    ("change", "flood"),
    ("change", "segment"),
    ("methane", "change"),
}
"""Imports between tasks that are still to go."""
RANKS = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
IMPORT_TORCH = (
    "learn/train/", "models/networks/", "runtimes/torch/", "runtimes/tensorrt/tensorrt_run.py",
    "engine/device/",
)  # fmt: skip
"""Files that import torch when they are imported, or, of the runtimes, when a network is loaded."""
HEAVY = ("torch", "onnxruntime", "openvino", "rasterio", "geopandas", "pyogrio", "scipy", "shapely")


def _modules() -> list[tuple[str, Path]]:
    """Every module of the library with the room it belongs to."""
    found = []
    for path in sorted((ROOT / "geoseg").rglob("*.py")):
        parts = path.relative_to(ROOT / "geoseg").parts
        room = parts[0].removesuffix(".py")
        if room not in {"__init__", "__main__"}:
            found.append((room, path))
    found += [("models", path) for path in sorted((ROOT / "models").rglob("*.py"))]
    return found + [("cli", path) for path in sorted((ROOT / "cli").rglob("*.py"))]


def _imports(path: Path) -> set[str]:
    """Rooms of geoseg that a module imports, anywhere in it."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
            if node.module == "geoseg":
                names = [f"geoseg.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("geoseg.")}
    return rooms - {"__version__"}


@pytest.mark.parametrize(("room", "path"), _modules(), ids=lambda value: getattr(value, "stem", value))
def test_imports_point_to_a_lower_rank(room: str, path: Path) -> None:
    assert room in RANKS, f"{path} stands in no room of the design"
    for other in _imports(path) - {room}:
        allowed = RANKS[other] < RANKS[room] or (room, other) in BESIDE
        assert allowed, f"{path.relative_to(ROOT)} ({room}) imports geoseg.{other}"


def test_torch_is_imported_where_it_computes() -> None:
    """Mapping on processors needs no torch: only training, networks and what runs on GPUs import it."""
    allowed = (*IMPORT_TORCH, "cli/train.py")
    for _, path in _modules():
        parts = path.relative_to(ROOT).as_posix().removeprefix("geoseg/")
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            if any(name.split(".")[0] == "torch" for name in names):
                assert parts.startswith(allowed), f"{parts} imports torch"


def test_packages_are_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    homes = {"geoseg": "geoseg", "cli": "geoseg.cli", "models": "geoseg.models", "configs": "geoseg.configs"}
    found = set()
    for folder, name in homes.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inner = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join((name, *inner)))
    assert listed == found


def test_tests_import_the_installed_name() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert (node.module or "").split(".")[0] not in {"cli", "models", "configs"}, path


def test_library_has_no_assert() -> None:
    for _, path in _modules():
        asserts = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Assert)]
        assert not asserts, f"{path}:{asserts[0].lineno} would vanish under python -O"


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
