"""Bad usage: exit code 2, one line on stderr that names the option, nothing on stdout."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
import typer

from geoseg.methods.registry import names_of
from geoseg.tasks.flood import methods

Geoseg = Callable[..., tuple[str, str]]
SCENE = ["a.tif", "-o", "x.gpkg"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["flood"], "no SCENE"),
        (["flood", "a.tif"], "-o OUT.gpkg"),
        (["segment", *SCENE], "--model"),
        (["segment", *SCENE, "--like", "1"], "--like"),
        (["segment", *SCENE, "--like", "1,2", "--model", "a"], "exclude each other"),
        *(
            (["flood", *SCENE, *option, "--model", "water-optical"], "exclude each other")
            for option in (
                ("--method", "ndwi"),
                ("--threshold", "-16"),
                ("--thresholding", "tiles"),
                ("--speckle", "none"),
            )
        ),
        (["embed"], "no SCENE"),
        (["embed", "a.tif"], "-o OUT.tif"),
        (["embed", "a.tif", "-o", "x.tif", "--dtype", "int16"], "--dtype"),
        (["vectorize"], "MASK"),
        (["vectorize", "a.tif"], "-o OUT.gpkg"),
        (["info"], "SCENE"),
        (["nonsense"], "nonsense"),
        (["models", "nonsense"], "nonsense"),
        (["flood", "--nonsense"], "--nonsense"),
        (["flood", *SCENE, "--bbox", "1,2"], "--bbox"),
        (["flood", *SCENE, "--bbox", "2,1,1,2"], "west 2"),
        (["flood", *SCENE, "--tile", "3"], "--tile"),
        (["flood", *SCENE, "--tile", "x"], "--tile"),
        (["flood", *SCENE, "--min-area", "-1"], "--min-area"),
        (["flood", *SCENE, "--threads", "0"], "--threads"),
        (["flood", *SCENE, "--batch-size", "some"], "--batch-size"),
        (["flood", *SCENE, "--max-memory", "some"], "--max-memory"),
        (["flood", *SCENE, "--max-memory", "1MB"], "--max-memory"),
        (["flood", *SCENE, "--runtime", "tpu"], "--runtime"),
        (["flood", *SCENE, "--device", "gpu"], "--device"),
        (["flood", *SCENE, "--precision", "fp8"], "--precision"),
        (["flood", *SCENE, "--sar-units", "watt"], "--sar-units"),
        (["flood", *SCENE, "--polarisation", "hhv"], "--polarisation"),
        (["flood", *SCENE, "--thresholding", "guess"], "--thresholding"),
        (["flood", *SCENE, "--speckle", "median"], "--speckle"),
        (["flood", *SCENE, "--band", "green"], "--band"),
        (["vectorize", *SCENE, "--class", "flood"], "--class"),
        (["vectorize", *SCENE, "--class", "1=a", "--class", "1=b"], "has two labels"),
    ],
)
def test_bad_usage_is_one_line(arguments: list[str], told: str, geoseg: Geoseg) -> None:
    out, err = geoseg(*arguments, code=2)
    assert out == ""
    assert told in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_help_names_every_water_method(geoseg: Geoseg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    out, _ = geoseg("flood", "--help-all")
    words = set(re.findall(r"[a-z][a-z0-9-]*", out))
    assert words >= {"auto", "classical", *names_of(methods)}


def _commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    group.get_params(typer.Context(group))  # options are made when they are first asked for
    found = [(path, group)]
    for name, command in getattr(group, "commands", {}).items():
        found += _commands(command, (*path, name))
    return found


def _tree() -> list[tuple[tuple[str, ...], Any]]:
    from geoseg.cli.app import app  # noqa: PLC0415

    return _commands(typer.main.get_command(app))


@pytest.mark.parametrize("path", [path for path, _ in _tree()], ids=lambda path: " ".join(path) or "geoseg")
def test_every_command_explains_itself(path: tuple[str, ...], geoseg: Geoseg) -> None:
    out, err = geoseg(*path, "--help")
    assert "Usage: " + " ".join(["geoseg", *path]) in out
    assert err == ""


OF_A_COMMAND = {
    "--help", "--model", "--method", "--thresholding", "--from", "--sensor", "--threshold", "--checkpoint",
    "--encoder", "--licence", "--report", "--resume", "--weights",
}  # fmt: skip
"""Options that each command explains; `--from` is where a training, or the wind, starts, `--sensor` and
`--threshold` are of a scene, or of a network that is described; `--checkpoint` is that of a training, or of a
map; `--resume` continues a training, or a run of many; an embedding needs an `--encoder`, a fit may use one;
`--weights` of a pull is a file in place of a download."""


def test_shared_options_are_the_same_everywhere() -> None:
    """One name, one help text, one group, in any command; a batch has templates and shares limits out."""
    seen: dict[str, tuple[str, Any, Any]] = {}
    for path, command in _tree():
        for param in command.params:
            for name in param.opts:
                if not name.startswith("--") or name in OF_A_COMMAND:
                    continue
                told = (param.help, param.metavar, getattr(param, "rich_help_panel", None))
                # What maps and what trains differ in one thing: -o names a file, or a folder.
                key = f"{name} {param.metavar}" if name == "--output" else name
                key = f"batch {key}" if path[:1] == ("batch",) else key
                assert seen.setdefault(key, told) == told, name


def test_the_choices_in_the_help_are_those_of_the_specs() -> None:
    from geoseg.spec import ChangeSpec, FloodSpec, RunSpec, SceneSpec  # noqa: PLC0415

    commands = {" ".join(path): command for path, command in _tree()}
    checked = 0
    for command, specs in (("flood", (FloodSpec, RunSpec, SceneSpec)), ("change", (ChangeSpec, RunSpec))):
        metavars = {param.name: param.metavar for param in commands[command].params}
        for spec in specs:
            for name, field in spec.model_fields.items():
                if str(get_origin(field.annotation)) == "typing.Literal":
                    assert metavars[name] == "|".join(get_args(field.annotation)), name
                    checked += 1
    assert checked >= 12


def test_every_field_of_a_request_has_an_option() -> None:
    from geoseg.spec import ChangeSpec, FloodSpec, RunSpec, SegmentSpec  # noqa: PLC0415

    commands = {" ".join(path): command for path, command in _tree()}
    for name, spec in (("flood", FloodSpec), ("segment", SegmentSpec), ("change", ChangeSpec)):
        options = {param.name for param in commands[name].params}
        assert {*spec.model_fields, *RunSpec.model_fields} - {"run"} <= options


def test_version_and_bare_call(geoseg: Geoseg) -> None:
    assert geoseg("--version")[0].startswith("geoseg 0.")
    assert "Usage: geoseg" in geoseg()[0]
    assert "Usage: geoseg models" in geoseg("models")[0]


def test_help_does_not_import_pydantic_specs() -> None:
    """What `--help` costs is typer itself: no numpy, none of geoseg's own specs."""
    code = (
        "import sys\nfrom geoseg.cli import main\nsys.argv = ['geoseg', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = ('numpy', 'yaml', 'pydantic', 'geoseg.spec')\n"
        "sys.stderr.write(','.join(m for m in heavy if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_a_missing_package_is_named(geoseg: Geoseg, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("geoseg.cli.mapping", "geoseg.cli.request"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "yaml", None)
    _, err = geoseg("flood", *SCENE, code=5)
    assert err == "error: the Python package yaml is missing; geoseg doctor lists all missing packages\n"


def test_an_internal_error_is_one_line_unless_asked(
    geoseg: Geoseg, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from geoseg.cli import request  # noqa: PLC0415

    def broken(*_: object) -> None:
        raise RuntimeError("two\nlines")

    monkeypatch.setattr(request, "from_options", broken)
    _, err = geoseg("flood", *SCENE, code=1)
    assert err == "error: internal error: RuntimeError: two lines; run with -vv for the traceback\n"
    _, err = geoseg("flood", *SCENE, "-vv", code=1)
    assert "Traceback" in err
    assert "broken" in err


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e400"])
@pytest.mark.parametrize(
    ("command", "option"),
    [("flood", "--threshold"), ("flood", "--min-area"), ("change", "--threshold"), ("flood", "--max-hand")],
)
def test_numbers_are_finite(command: str, option: str, number: str, geoseg: Geoseg) -> None:
    scenes = ["a.tif", "b.tif"] if command == "change" else ["a.tif"]
    out, err = geoseg(command, *scenes, "-o", "map.gpkg", f"{option}={number}", code=2)
    assert out == ""
    assert option in err
    assert "should be a finite number" in err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--dst-crs", "EPSG:1"), "--dst-crs"),
        (("--bbox", "1,2,3,4", "--bbox-crs", "nowhere"), "--bbox-crs"),
        (("--bbox-crs", "nowhere"), "--bbox-crs"),
        (("--overlap", "33"), "--overlap"),
        (("--tile", "64", "--overlap", "48"), "overlap 48"),
        (("--aoi", "https://host/a.gpkg"), "https://host/a.gpkg is an address"),
        (("--aoi", "s3://bucket/a.gpkg"), "s3://bucket/a.gpkg is an address"),
        (("--picture", "file:///a.png"), "is an address"),
    ],
)
@pytest.mark.parametrize(
    "command", [("flood",), ("segment", "--model", "water-optical"), ("methane", "plume")], ids=" ".join
)
def test_options_are_checked_before_anything_is_read(
    command: tuple[str, ...], options: tuple[str, ...], told: str, geoseg: Geoseg
) -> None:
    """The scene does not exist, which is exit 3."""
    _, err = geoseg(*command, "missing.tif", "-o", "map.gpkg", *options, code=2)
    assert told in err


def test_files_of_a_wind_are_on_this_machine(geoseg: Geoseg) -> None:
    _, err = geoseg("methane", "plume", "a.tif", "-o", "m.gpkg", "--wind", "https://host/era5.nc", code=2)
    assert "https://host/era5.nc is an address" in err
    _, err = geoseg("flood", "a.tif", "-o", "m.gpkg", "--config", "https://host/run.yaml", code=2)
    assert "https://host/run.yaml is an address" in err


def test_a_variable_that_is_neither_yes_nor_no(geoseg: Geoseg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOSEG_OFFLINE", "maybe")
    for words in (("info", "a.tif"), ("--help",), ("models", "list")):
        _, err = geoseg(*words, code=2)
        assert err == "error: GEOSEG_OFFLINE=maybe is neither yes nor no; set 1 or 0\n"
