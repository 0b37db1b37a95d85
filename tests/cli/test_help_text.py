"""`--help` of commands with many options fits a screen; `--help-all` has everything, in 80 columns too."""

from __future__ import annotations

import re
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


@pytest.mark.parametrize("command", ["", "flood", "methane plume", "models describe", "evaluate", "doctor"])
def test_help_fits_80_columns_and_cuts_no_value(
    command: str, geoseg: Geoseg, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = command.split()
    shown, _ = geoseg(*words, "--help-all" if command in {"flood", "methane plume"} else "--help")
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert "<bool>" not in shown
    assert re.search(r"^  (--help-all, )?--help, -h ", shown, re.MULTILINE)
    for values in {
        "flood": ["--clouds auto|product|network|none", "  --overwrite  "],
        "models describe": ["--units reflectance|db|linear|radiance|dn", "segmentation-models-pytorch,"],
    }.get(command, []):
        assert values in shown
    assert "\n\n\n" not in shown


@pytest.mark.parametrize("command", ["flood", "batch flood", "bench run"])
def test_dots_of_an_argument_stand_once(command: str, geoseg: Geoseg) -> None:
    usage, *rest = geoseg(*command.split(), "--help")[0].splitlines()
    assert usage.endswith("]...")
    assert usage.count("...") == 1
    name = usage.rpartition("[")[2].removesuffix("]...")
    assert any(line.strip().startswith(f"{name}... ") for line in rest)


def test_arguments_come_first(geoseg: Geoseg) -> None:
    shown, _ = geoseg("info", "--help")
    assert shown.index("\nArguments:\n") < shown.index("\nCommon options:\n") < shown.index("\nReporting:\n")


@pytest.mark.parametrize("group", ["", "batch", "methane", "evaluate"])
def test_groups_have_no_further_help(group: str, geoseg: Geoseg) -> None:
    assert geoseg(*group.split(), "--help-all") == geoseg(*group.split(), "--help")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["flood", "scene.tif", "-o", ""], "`-o`: the value"),
        (["batch", "flood", "in", "--output="], "`--output`: the value"),
        (["evaluate", "area", "map.tif", "points.gpkg", "-o", ""], "`-o`: the value"),
        (["train", ""], "an argument"),
    ],
)
def test_an_empty_value_is_not_the_present_folder(given: list[str], said: str, geoseg: Geoseg) -> None:
    _, stderr = geoseg(*given, code=2)
    assert f"error: {said} is empty" in stderr
