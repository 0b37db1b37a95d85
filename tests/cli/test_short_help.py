"""`--help` of commands with many options fits a screen; `--help-all` has everything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Geoseg = Callable[..., tuple[str, str]]


@pytest.mark.parametrize("command", ["flood", "change", "segment", "methane plume", "methane facilities"])
def test_the_common_options_fit_a_screen(
    command: str, geoseg: Geoseg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    short, _ = geoseg(*command.split(), "--help")
    assert len(short.splitlines()) <= 25
    assert all(len(line) <= 80 for line in short.splitlines())
    assert "--output, -o OUT" in short
    assert f"geoseg {command} --help-all" in short
    assert "--dst-crs" not in short
    whole, _ = geoseg(*command.split(), "--help-all")
    assert "--dst-crs" in whole
    assert "Reporting" in whole


@pytest.mark.parametrize("command", ["vectorize", "fit", "batch flood", "batch methane plume"])
def test_other_commands_with_many_options_fit_a_screen(
    command: str, geoseg: Geoseg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    short, _ = geoseg(*command.split(), "--help")
    assert len(short.splitlines()) <= 25
    assert "--output, -o" in short
    assert f"geoseg {command} --help-all" in short
    assert "--quiet" in geoseg(*command.split(), "--help-all")[0]


def test_commands_with_few_options_show_all(geoseg: Geoseg) -> None:
    assert "--overwrite" in geoseg("models", "pull", "--help")[0]
    assert "--help-all" in geoseg("models", "pull", "--help-all", code=2)[1]
