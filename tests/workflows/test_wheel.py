"""The wheel: one import name, and it works from anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from geoseg.methods.registry import names_of
from geoseg.tasks.flood import methods

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built from a copy of what belongs in it."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("geoseg", "cli", "models", "configs"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", dist, source],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Could not find a version" in done.stderr or "connection" in done.stderr.lower():
        pytest.skip("the build backend cannot be fetched: no package index is reachable")
    assert done.returncode == 0, done.stderr
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `geoseg` script of an environment that holds nothing but the wheel.

    Its dependencies are those of the environment that runs the tests, seen through a path file; this
    checkout's own editable install is not seen, since path files of a path file are not read.
    """
    home = tmp_path_factory.mktemp("env")
    venv.create(home, with_pip=False, symlinks=True)
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return scripts / "geoseg"


def _run(command: Path, *arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(command), *arguments], cwd=at, env=environment, capture_output=True, text=True, check=False
    )


def test_one_import_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"geoseg"}
    assert "geoseg/py.typed" in names
    assert "geoseg/configs/tasks/flood.yaml" in names
    assert "geoseg/outputs/report.html.jinja" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    tracked = {
        f"geoseg/configs/{path.relative_to(ROOT / 'configs').as_posix()}"
        for path in (ROOT / "configs").rglob("*.yaml")
    }
    assert tracked <= set(names)


def test_it_is_the_wheel_that_runs(installed: Path, tmp_path: Path) -> None:
    python = installed.parent / "python"
    done = _run(python, "-c", "import geoseg.cli; print(geoseg.__file__, geoseg.cli.__file__)", at=tmp_path)
    assert done.returncode == 0, done.stderr
    for place in done.stdout.split():
        assert str(installed.parents[1]) in place


def test_methods_of_the_wheel_are_found(installed: Path, tmp_path: Path) -> None:
    code = "from geoseg.tasks.flood.methods import water_methods; print(*sorted(water_methods()))"
    done = _run(installed.parent / "python", "-c", code, at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == list(names_of(methods))


def test_help_runs_from_elsewhere(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, "--help", at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "flood" in done.stdout


def test_the_demonstration_runs_from_elsewhere(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, "demo", "out", at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "flood" in done.stdout
    assert (tmp_path / "out" / "flood.gpkg").is_file()
    assert (tmp_path / "out" / "flood.png").is_file()


def test_methods_are_found_by_their_files(installed: Path, tmp_path: Path) -> None:
    code = (
        "from geoseg.tasks.change.methods import change_methods\n"
        "from geoseg.tasks.methane.methods import methane_methods\n"
        "print(*change_methods(), *methane_methods())\n"
    )
    done = _run(installed.parent / "python", "-c", code, at=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"mad", "mean-ratio", "mbmp", "matched-filter"} <= set(done.stdout.split())
