"""The plugin finds and runs the program, and passes its messages on; no QGIS is needed."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

PLUGIN = Path(__file__).parents[3] / "qgis" / "geoseg_provider"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("geoseg_provider_program", PLUGIN / "program.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


program = load()


class Feedback:
    """Keeps what it is told."""

    def __init__(self, cancel_after: float | None = None) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self.steps: list[int] = []
        self._end = None if cancel_after is None else time.monotonic() + cancel_after

    def info(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)

    def progress(self, percent: int) -> None:
        self.steps.append(percent)

    def cancelled(self) -> bool:
        return self._end is not None and time.monotonic() > self._end


def test_messages_are_sorted_by_kind() -> None:
    lines = ["note: one", "warning: two", "30 of 120 rows (25%)", "120 of 120 rows (100%)"]
    code = f"import sys; sys.stderr.write({chr(10).join(lines)!r}); print('out')"
    feedback = Feedback()
    assert program.run([sys.executable, "-c", code], feedback) == "out\n"
    assert (feedback.notes, feedback.warnings, feedback.steps) == (["note: one"], ["two"], [25, 100])


@pytest.mark.parametrize(
    "text",
    [
        "`--value` needs the package exactextract; install it: pip install 'geoseg[fit]'",
        "geoseg fit requires the extra `fit`; run pip install 'geoseg[fit]' (No module named 'onnx')",
        "fit.parquet: GeoParquet needs pyarrow; pip install 'geoseg[fit]', or write .gpkg",
    ],
)
def test_a_missing_package_is_installed_by_the_plugin(text: str) -> None:
    told = program.in_qgis(text)
    assert "; run the algorithm 'Install geoseg' once more with the package geoseg[fit]" in told
    assert "pip" not in told


def test_an_error_is_that_of_the_program() -> None:
    code = "import sys; sys.stderr.write('note: x\\nerror: no such file\\n'); sys.exit(3)"
    with pytest.raises(program.ProgramError, match=r"^no such file$"):
        program.run([sys.executable, "-c", code], Feedback())
    with pytest.raises(program.ProgramError, match="ended with exit code 4"):
        program.run([sys.executable, "-c", "raise SystemExit(4)"], Feedback())


def test_a_cancelled_run_ends() -> None:
    code = "import time\nfor i in range(600): time.sleep(0.1)"
    with pytest.raises(program.ProgramError, match="cancelled"):
        program.run([sys.executable, "-c", code], Feedback(cancel_after=0.3))


def test_much_output_does_not_block() -> None:
    code = "import sys; sys.stdout.write('x' * 10**6); sys.stderr.write('note: y\\n' * 10**5)"
    feedback = Feedback()
    assert len(program.run([sys.executable, "-c", code], feedback)) == 10**6
    assert len(feedback.notes) == 10**5


@pytest.mark.parametrize("path", ["missing/geoseg", ""])
def test_a_missing_program_has_a_remedy(path: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(program.ProgramError, match="run the algorithm 'Install geoseg'"):
        program.find_program(path)
    with pytest.raises(program.ProgramError, match="cannot be started"):
        program.run([tmp_path / "geoseg"], Feedback())


def test_the_environment_of_install_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    own = program.program_in(program.environment_folder())
    own.parent.mkdir(parents=True)
    own.touch()
    assert program.find_program("") == str(own)


def test_variables_of_qgis_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONHOME", "GDAL_DATA", "PROJ_LIB", "QGIS_PREFIX_PATH"):
        monkeypatch.setenv(name, "/qgis")
    monkeypatch.setenv("GEOSEG_MODELS", "/models")
    kept = program.clean_environment()
    assert "/qgis" not in kept.values()
    assert kept["GEOSEG_MODELS"] == "/models"


@pytest.mark.parametrize("text", ["", "[]", "{}", "nothing"])
def test_other_output_is_no_record(text: str) -> None:
    with pytest.raises(program.ProgramError, match="printed no record"):
        program.read_record(text)


def test_models_of_the_user_are_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "none"))
    assert program.user_models() == []
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path))
    for name in ("lakes", "fields", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "lakes" / "model.json").touch()
    (tmp_path / "fields" / "model.json").touch()
    assert program.user_models() == ["fields", "lakes"]
