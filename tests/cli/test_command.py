"""Commands are their requests: a field that is added is an option everywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import pytest
import typer
import yaml
from geoseg.cli.command import MAP, Command, add
from geoseg.cli.completion import SUGGESTIONS, completer
from geoseg.cli.options import Reporting
from pydantic import Field
from typer.testing import CliRunner

from geoseg.errors import UsageError
from geoseg.spec import FloodSpec, RunSpec
from geoseg.spec.option import ENGINE, METHOD, Option


class WiderRun(RunSpec):
    """All maps with one more option."""

    grain: Annotated[
        Literal["fine", "coarse"], Option("How fine the map is.", panel=ENGINE, choices=("rough",))
    ] = "fine"


class WiderFlood(FloodSpec):
    """A flood map with one more option of its own."""

    run: WiderRun
    max_depth: Annotated[float, Field(ge=0), Option("Deepest water in m.", metavar="M", panel=METHOD)] = 7.5


REQUESTS: list[WiderFlood] = []


def wider() -> Command[WiderFlood]:
    """Map deeper floods."""
    return Command(request=WiderFlood, run=_keep, reporting=MAP)


def _keep(request: WiderFlood, reporting: Reporting) -> None:
    REQUESTS.append(request)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[typer.Typer]:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")
    made = typer.Typer()
    made.callback()(lambda: None)
    add(made, "wider", wider)
    yield made
    REQUESTS.clear()


def test_a_field_is_an_option(app: typer.Typer, tmp_path: Path) -> None:
    runner = CliRunner()
    shown = runner.invoke(app, ["wider", "--help-all"]).output
    method, engine = (shown.index(f"\n{panel}:\n") for panel in (METHOD, ENGINE))
    assert method < shown.index("--max-depth") < engine < shown.index("--grain")
    assert "Deepest water in m.  (default: 7.5)" in shown
    assert "fine|coarse" in shown
    words = ["wider", "a.tif", "-o", "o.gpkg", "--max-depth", "3", "--grain", "coarse"]
    printed = runner.invoke(app, [*words, "--print-config"]).output
    table = yaml.safe_load(printed)
    assert (table["max-depth"], table["grain"]) == (3, "coarse")
    config = tmp_path / "run.yaml"
    config.write_text(printed)
    assert runner.invoke(app, ["wider", "--config", str(config), "--print-config"]).output == printed
    assert runner.invoke(app, ["wider", "--config", str(config), "--max-depth", "2"]).exit_code == 0
    assert (REQUESTS[0].max_depth, REQUESTS[0].run.grain, REQUESTS[0].run.overwrite) == (2, "coarse", False)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--max-depth", "-1"], "`--max-depth`: -1.0 should be"),
        (["--grain", "rough"], "`--grain`: 'rough' should"),
    ],
)
def test_a_field_is_checked(app: typer.Typer, words: list[str], told: str) -> None:
    done = CliRunner().invoke(app, ["wider", "a.tif", "-o", "o.gpkg", *words])
    assert isinstance(done.exception, UsageError)
    assert told in str(done.exception)


def test_common_options_come_first(app: typer.Typer) -> None:
    shown = CliRunner().invoke(app, ["wider", "--help-all"]).output
    panels = [
        shown.index(f"\n{name}:\n")
        for name in ("Common options", "Input", "Method", "Output", "Cleaning", "Engine", "Reporting")
    ]
    assert panels == sorted(panels)
    common = shown[panels[0] : panels[1]]
    assert sum(line.startswith("  --") for line in common.splitlines()) == 10
    assert common.index("--output") < common.index("--clouds")
    assert shown.rindex("--help") > panels[-1]


def _completions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str) -> set[str]:
    from geoseg.cli import main  # noqa: PLC0415

    monkeypatch.setattr(sys, "argv", ["geoseg"])
    monkeypatch.setenv("_GEOSEG_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    with pytest.raises(SystemExit):
        main()
    return set(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("geoseg flood --runtime o", {"onnxruntime", "openvino"}),
        ("geoseg flood --sensor landsat-8", {"landsat-8-l1", "landsat-8-l2"}),
        ("geoseg flood --method awei", {"awei-nsh", "awei-sh"}),
        ("geoseg change --normalise h", {"histogram"}),
        ("geoseg methane plume --meth", {"--method"}),
    ],
)
def test_shells_complete(
    line: str, names: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _completions(monkeypatch, capsys, line) >= names


@pytest.mark.parametrize("kind", SUGGESTIONS)
def test_every_kind_of_names_is_known(kind: str) -> None:
    assert completer(kind)("") == sorted(SUGGESTIONS[kind]())
    assert completer(kind)("no such name") == []
