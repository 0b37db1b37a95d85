"""A batch takes every option of its task, in every form, as the task itself does."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from geoseg.cli.batch import declared_batch
from geoseg.cli.request import build, build_with_each

from geoseg.batch.run import plan_batch
from geoseg.batch.tasks import SHARED, TASKS, BatchTask
from geoseg.run_record import no_progress
from geoseg.spec.request import Place, bare_type, to_options
from tests.batch.lakes import write_lake

Value = str | list[str]

PATH = "a:b.tif"
"""A file with a colon, as `PATH:INDEX` has one."""
LIKE: Mapping[str, Value] = {"like": ["1,2"]}
NEEDED: Mapping[str, Mapping[str, Value]] = {
    "change": {"before": ["first.tif"]},
    "flood": {"permanent-water": "p.gpkg", "method": "ndwi", "raster": "{scene}-classes.tif"},
    "methane facilities": {"model": "water-optical"},
    "methane plume": {"raster": "{scene}-classes.tif"},
    "segment": {"model": "water-optical", "raster": "{scene}-classes.tif"},
}
"""Options that a task needs, or that others of it need."""
INSTEAD: Mapping[tuple[str, str], Mapping[str, Value]] = {
    ("flood", "model"): {},
    ("segment", "like"): {},
    **{("segment", name): LIKE for name in ("threshold", "encoder", "weights", "patch")},
}
"""Further options in place of those of `NEEDED`, which exclude them."""
VALUES: Mapping[str, Value] = {
    "also": ["coherence=FILE", "naip=FILE"],
    "attributes": "perimeter,centroid",
    "band": ["red=FILE:1", "nir=FILE"],
    "batch-size": "3",
    "bbox": "10,40,11,41",
    "bbox-crs": "EPSG:3857",
    "class": ["1=water:#0000ff", "2=snow"],
    "date-after": "2021-02-03",
    "date-before": "2020-01-01",
    "device": "cpu",
    "dst-crs": "EPSG:3857",
    "effective-wind": "0.3,0.4",
    "encoder": "galileo-tiny",
    "layer": ["height=FILE", "dem=FILE"],
    "like": ["1.5,2.5", "-3,4"],
    "mask": "FILE:1,3-5",
    "method": "ndwi",
    "model": "water-optical",
    "percentile": "95",
    "permanent-values": "80,90",
    "satellite": "sentinel-2a",
    "sensor": "hls",
    "sensor-input": "wavelengths",
    "smooth": "5",
    "source": "13.5,40.1",
    "style": ["{scene}.sld", "{scene}.json"],
    "value": ["people=FILE", "crops=FILE"],
    "wind": "FILE",
    "zone-name": "district",
}
"""Values as on a command line; FILE stands for a path."""
OPTIONS = [(task.name, name) for task in TASKS.values() for name in task.offered]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with files that options name by relative paths."""
    for name in (PATH, "first.tif", "p.gpkg"):
        (tmp_path / name).touch()
    write_lake(tmp_path / "scene.tif")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("task_name", "name"), OPTIONS)
def test_the_batch_passes_the_option_on(
    task_name: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the command line, from a YAML file, and from a table beside the files."""
    task = TASKS[task_name]
    value = sample(task.offered[name])
    needed = INSTEAD.get((task_name, name), NEEDED.get(task_name, {}))
    forms = [value, *([value[:1]] if isinstance(value, list) and len(value) > 1 else [])]
    expected = [alone(task, {**needed, name: form}, folder) for form in forms]
    config, table = folder / "options.yaml", folder / "scenes.csv"
    for form, options in zip(forms, expected, strict=True):
        line = {**needed, name: written(form, PATH)}
        assert of_batch(task, ["scene.tif"], line) == options
        config.write_text(
            "".join(f"{key}: {in_yaml(item, task.offered[key])}\n" for key, item in line.items())
        )
        assert of_batch(task, ["scene.tif"], {}, config) == options
    monkeypatch.chdir(folder / "elsewhere")
    for form, options in zip(forms, expected, strict=True):
        columns = {key: in_cell(item) for key, item in {**needed, name: written(form, PATH)}.items()}
        with table.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([["id", task.subject, *columns], ["scene", "scene.tif", *columns.values()]])
        assert of_batch(task, [str(table)], {}) == options


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_the_batch_command_has_all_options_of_the_task(task: BatchTask) -> None:
    single = {name for name, place in task.places.items() if place.offered}
    assert single - {task.subject} <= set(task.offered) | SHARED


def of_batch(
    task: BatchTask, inputs: list[str], given: Mapping[str, object], config: Path | None = None
) -> dict[str, object]:
    """Return the options of the one scene of a batch."""
    command = declared_batch(task.name)
    spec: Any = build_with_each(
        command.request, command.each, {"inputs": inputs, "output": "out", **given}, config
    )
    return to_options(plan_batch(spec, task, Path("out"), no_progress).jobs[0].request(Path("out"), {}))


def alone(task: BatchTask, given: Mapping[str, Value], folder: Path) -> dict[str, object]:
    """Return the options of the task itself, with absolute paths, for the same scene."""
    scene = str(folder / "scene.tif")
    subject = scene if task.subject == "mask" else [scene]
    options: dict[str, object] = {task.subject: subject, "output": "out/scene.gpkg", "overwrite": True}
    for name, value in given.items():
        listed = value if isinstance(value, list) else [value]
        texts = [
            text.replace("{scene}", "out/scene").replace("FILE", str(folder / PATH))
            if text not in {"first.tif", "p.gpkg"}
            else str(folder / text)
            for text in listed
        ]
        options[name] = texts if isinstance(value, list) else texts[0]
    return to_options(build(task.request, options))


def sample(place: Place) -> Value:
    """Return a value as on a command line; FILE stands for a path."""
    if place.name in VALUES:
        return VALUES[place.name]
    kind = bare_type(place.field.annotation)
    if place.scenes:
        return ["FILE"]
    if get_origin(kind) is Literal:
        return str(get_args(kind)[-1])
    if kind is bool:
        return "true"
    if any(word in place.option.metavar for word in ("FILE", "PATH", "SCENE")):
        return "FILE"
    if "TEMPLATE" in place.option.metavar:
        return "{scene}" + place.option.metavar.removeprefix("TEMPLATE")
    return "32" if kind is int or "int" in str(kind) else "0.5"


def written(value: Value, path: str) -> Value:
    if isinstance(value, list):
        return [item.replace("FILE", path) for item in value]
    return value.replace("FILE", path)


def in_yaml(value: Value, place: Place) -> str:
    """Return a value as a file may have it: one item without a list, a mapping, numbers."""
    if isinstance(value, list) and len(value) == 1:
        return json.dumps(value[0])
    if isinstance(value, list) and place.option.metavar.startswith("NAME="):
        return json.dumps(dict(item.split("=", 1) for item in value))
    if isinstance(value, list) and place.name == "like":
        return json.dumps([[float(part) for part in item.split(",")] for item in value])
    return json.dumps(value)


def in_cell(value: Value) -> str:
    return ";".join(value) if isinstance(value, list) else value
