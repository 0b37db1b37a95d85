from __future__ import annotations

import json
import logging
import warnings

import pytest
from geoseg.cli.console import Verbosity, open_console, print_json

from geoseg.messages import note, warn


@pytest.mark.parametrize(
    ("level", "told"),
    [(-1, ["warning: w"]), (0, ["note: n", "warning: w"]), (1, ["note: n", "warning: w", "d"])],
)
def test_levels(level: int, told: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with open_console(Verbosity(level=level)) as shown:
        shown.note("n")
        shown.warn("w")
        shown.detail("d")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == told


@pytest.mark.parametrize(("level", "told"), [(-1, ["warning: w"]), (0, ["note: n", "warning: w"])])
def test_what_is_logged_is_printed(level: int, told: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("geoseg.scenes")
    for _ in range(2):
        with open_console(Verbosity(level=level)):
            note(log, "n")
            warn(log, "a-code", "w")
    note(log, "after the run")
    assert capsys.readouterr().err.splitlines() == 2 * told


def test_python_warnings_are_details(capsys: pytest.CaptureFixture[str]) -> None:
    with open_console(Verbosity(level=1)):
        warnings.simplefilter("always")
        warnings.warn("odd tag", UserWarning, stacklevel=1)
    assert "UserWarning: odd tag" in capsys.readouterr().err
    with open_console(Verbosity(level=0)):
        warnings.simplefilter("always")
        warnings.warn("odd tag", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == ""


def test_progress_in_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No terminal: a line every few seconds, none for work that is done sooner."""
    clock = iter(range(100))
    monkeypatch.setattr("geoseg.cli.console.time.monotonic", lambda: float(next(clock)))
    with open_console(Verbosity()) as shown:
        for done in range(1, 13):
            shown.progress(done, 12, "tiles")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["5 of 12 tiles (42%)", "10 of 12 tiles (83%)", "12 of 12 tiles (100%)"]
    with open_console(Verbosity(level=-1)) as shown:
        shown.progress(6, 12, "tiles")
    assert capsys.readouterr().err == ""


def test_progress_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with open_console(Verbosity()) as shown:
        shown.progress(1, 2, "tiles")
        shown.note("in [between]")
        shown.progress(2, 2, "tiles")
        shown.note("after")
    out, err = capsys.readouterr()
    assert out == ""
    assert "1/2" in err
    assert "in [between]" in err
    assert "after" in err


def test_progress_of_work_that_is_done_at_once_has_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with open_console(Verbosity()) as shown:
        for done in (1, 2, 2):
            shown.progress(done, 2, "tiles")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("terminal", "level", "few", "lines"),
    [(True, 0, True, 3), (True, 1, True, 5), (True, 0, False, 5), (False, 0, True, 5), (True, -1, True, 0)],
)
def test_a_map_has_three_lines_of_notes_on_a_terminal(
    terminal: bool,
    level: int,
    few: bool,
    lines: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "40")
    with open_console(Verbosity(level=level), few_notes=few) as shown:
        for number in range(5):
            shown.note(f"number {number}: " + "x" * 60)
        shown.warn("always")
    printed = capsys.readouterr().err.splitlines()
    assert sum("note: " in line for line in printed) == lines
    assert any("always" in line for line in printed)
    if lines == 3:
        assert all(len(line) <= 40 + len("\x1b[2m\x1b[0m") for line in printed[:2])
        assert "3 more; -v prints all" in printed[-1]


def test_json_is_ascii_and_never_nan(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"unit": "m²"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"unit": "m²"}
    with pytest.raises(ValueError, match="JSON"):
        print_json({"area": float("nan")})
