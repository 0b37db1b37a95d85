"""From options and a file to a validated request, and back: what `--config` and `--print-config` do.

A request has one name for everything: the long option without its dashes. A key in the file, an option in
an error and a line of `--print-config` are therefore called alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from geoseg import __version__
from geoseg.errors import UsageError
from geoseg.files.inputs import opened
from geoseg.spec import (
    ChangeSpec,
    FacilitiesSpec,
    FloodSpec,
    PlumeSpec,
    RunSpec,
    SceneSpec,
    SegmentSpec,
)

from . import values

AnyRequest = FloodSpec | SegmentSpec | ChangeSpec | PlumeSpec | FacilitiesSpec
Request = TypeVar("Request", FloodSpec, SegmentSpec, ChangeSpec, PlumeSpec, FacilitiesSpec)

_READ: Mapping[str, Callable[[object], object]] = {
    "bbox": values.bbox,
    "max-memory": values.memory_mib,
    "batch-size": values.batch_size,
    "band": values.bands,
    "layer": values.bands,
    "wind": values.wind,
    "source": values.place,
    "effective-wind": values.pair,
    "permanent-values": values.numbers,
    "also": values.named_paths,
}
_SCENE = {
    "scene": "paths",
    "band": "bands",
    "sensor": "sensor",
    "sar-units": "sar_units",
    "clouds": "clouds",
    "mask": "mask",
    "mask-dilate": "mask_dilate",
}
_ALIKE = ("sensor", "sar_units", "clouds", "mask", "mask_dilate")
"""Fields of a scene that hold for the scenes beside it too."""
_RUN = {name.replace("_", "-"): name for name in RunSpec.model_fields}
_FURTHER = ("before", "reference")
"""Options that name further scenes of the kind of the first."""

_NEEDED = {
    "scene": "no SCENE is given; name a raster, a folder or a product",
    "before": "no scene is given; name two dates: geoseg change BEFORE AFTER -o OUT",
    "after": "only one scene is given; name two dates: geoseg change BEFORE AFTER -o OUT",
    "output": "no output is named; say -o OUT.gpkg",
    "model": "no model is named; say --model NAME|FOLDER|FILE.onnx (see geoseg models list)",
}


_ARGUMENTS = {"scene": "SCENE"}
"""Options that are arguments, by what usage texts call them."""


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """Options read from a file."""

    path: Path | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    """Line of each key, from 1."""

    def where(self, name: str, said: Mapping[str, object]) -> str:
        """Name an option as its user wrote it: a flag, or a line of this file."""
        if name in self.lines and name not in said:
            return f"{self.path}, line {self.lines[name]}: {name}"
        return _ARGUMENTS.get(name, f"--{name}")


def read_config(path: Path, known: set[str]) -> ConfigFile:
    """Read a YAML file of options.

    Raises:
        UsageError: it cannot be read, is no mapping, or has an unknown or repeated key.
    """
    try:
        opened(path)
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        table = yaml.safe_load(text)
    except OSError as error:
        raise UsageError(f"--config {path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"--config {path}: cannot be read: it is not UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', error)}") from error
    if node is None:
        return ConfigFile(path=path)
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(f"{path}: not a list of options; write one 'name: value' a line")
    lines: dict[str, int] = {}
    for key, _ in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines:
            raise UsageError(f"{path}, line {line}: {name} is said twice (first in line {lines[name]})")
        if name not in known:
            near = get_close_matches(name.replace("_", "-"), sorted(known), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else "geoseg prints all names with --print-config"
            raise UsageError(f"{path}, line {line}: unknown option {name!r}; {hint}")
        lines[name] = line
    options = {str(name): value for name, value in table.items() if value is not None}
    return ConfigFile(path=path, options=options, lines=lines)


def build(kind: type[Request], said: Mapping[str, object], config: Path | None) -> Request:
    """Validate a request.

    Args:
        kind: which command's.
        said: options by name; None and empty lists are "not said".
        config: file of further options; what was said wins.

    Raises:
        UsageError: an option is unknown, missing or has a value that makes no sense; it is named.
    """
    flags = {name: value for name, value in said.items() if value is not None and value not in ([], ())}
    own: dict[str, str] = _own(kind)
    file = read_config(config, {*_SCENE, *_RUN, *own}) if config else ConfigFile()
    options = {**file.options, **flags}
    for name, read in _READ.items():
        if name in options:
            try:
                options[name] = read(options[name])
            except ValueError as error:
                raise UsageError(f"{file.where(name, flags)}: {error}") from error
    nested = _nest_pair(options, own) if kind is ChangeSpec else _nest(options, own)
    try:
        return kind.model_validate(nested)
    except ValidationError as error:
        raise UsageError(_explain(error.errors()[0], own, file, flags)) from error


def build_scene(said: Mapping[str, object]) -> SceneSpec:
    """Validate the options that say what a scene is.

    Raises:
        UsageError: an option has a value that makes no sense; it is named.
    """
    flags = {name: value for name, value in said.items() if value is not None and value not in ([], ())}
    if "band" in flags:
        try:
            flags["band"] = values.bands(flags["band"])
        except ValueError as error:
            raise UsageError(f"--band: {error}") from error
    try:
        return SceneSpec.model_validate({_SCENE[name]: value for name, value in flags.items()})
    except ValidationError as error:
        first = error.errors()[0]
        inner: ErrorDetails = {**first, "loc": ("scene", *first["loc"])}
        raise UsageError(_explain(inner, {}, ConfigFile(), flags)) from error


def build_run(said: Mapping[str, object]) -> RunSpec:
    """Validate the options that all maps share, where there is no scene to go with them.

    Raises:
        UsageError: an option is missing or has a value that makes no sense; it is named.
    """
    flags = {name: value for name, value in said.items() if value is not None}
    try:
        return RunSpec.model_validate({_RUN[name]: value for name, value in flags.items()})
    except ValidationError as error:
        first = error.errors()[0]
        inner: ErrorDetails = {**first, "loc": ("run", *first["loc"])}
        raise UsageError(_explain(inner, {}, ConfigFile(), flags)) from error


def _own(kind: type[AnyRequest]) -> dict[str, str]:
    """Options that only this command has, by name: their field."""
    fields = (name for name in kind.model_fields if name not in {"scene", "run"})
    return {name.replace("_", "-"): name for name in fields}


def _nest(options: Mapping[str, object], own: Mapping[str, str]) -> dict[str, object]:
    """Arrange options as the spec does."""
    scene = {to: options[name] for name, to in _SCENE.items() if name in options}
    if "scene" in options:
        scene["paths"] = _paths(options["scene"])
    inner: dict[str, object] = {"scene": scene}
    inner["run"] = {to: options[name] for name, to in _RUN.items() if name in options}
    inner |= {to: options[name] for name, to in own.items() if name in options}
    like = {name: scene[name] for name in _ALIKE if name in scene}
    for name in _FURTHER:
        if name in inner:
            inner[name] = [{"paths": [path], **like} for path in _paths(inner[name])]
    return inner


def _nest_pair(options: Mapping[str, object], own: Mapping[str, str]) -> dict[str, object]:
    """Arrange the options of two dates: `after:NAME` in --band is a band of the second one."""
    inner: dict[str, object] = {to: options[name] for name, to in own.items() if name in options}
    inner["run"] = {to: options[name] for name, to in _RUN.items() if name in options}
    shared = {to: options[name] for name, to in _SCENE.items() if name in options and name != "band"}
    found = options.get("band")
    bands = dict(found) if isinstance(found, Mapping) else {}
    if not any(str(name).startswith("after:") for name in bands):
        # Bands of the earlier file alone: the later one is laid out alike.
        first, second = str(inner.get("before")), str(inner.get("after"))
        alike = {name: path for name, path in bands.items() if str(path).startswith(first)}
        bands |= {f"after:{name}": second + str(path).removeprefix(first) for name, path in alike.items()}
    for date in ("before", "after"):
        own_bands = {
            str(name).removeprefix("after:"): path
            for name, path in bands.items()
            if str(name).startswith("after:") == (date == "after")
        }
        if date in inner:
            inner[date] = {"paths": _paths(inner[date]), "bands": own_bands, **shared}
    return inner


def _paths(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _explain(
    first: ErrorDetails, own: Mapping[str, str], file: ConfigFile, flags: Mapping[str, object]
) -> str:
    """Say what is wrong, by the option's name."""
    name = _option(first, own)
    if (first["type"] == "missing" or first["input"] in ([], ())) and name in _NEEDED:
        return _NEEDED[name]
    text = first["msg"].removeprefix("Value error, ").replace("Input should", "should")
    return f"{file.where(name, flags)}: {first['input']!r} {text}"


def _option(error: ErrorDetails, own: Mapping[str, str]) -> str:
    """The option that a validation error is about."""
    section, *rest = (str(part) for part in error["loc"]) if error["loc"] else ("",)
    inner = rest[0] if rest else ""
    table = {"scene": _SCENE, "run": _RUN}.get(section, own)
    wanted = inner if section in {"scene", "run"} else section
    names = {to: name for name, to in table.items()}
    return names.get(wanted, section)


def as_yaml(request: AnyRequest) -> str:
    """Write a request as the YAML that `read_config` reads; null is "not said"."""
    table: dict[str, object] = dict(
        _scene_options(request.before if isinstance(request, ChangeSpec) else request.scene)
    )
    run = request.run.model_dump(mode="json")
    table |= {name: run[to] for name, to in _RUN.items()}
    table["batch-size"] = "auto" if run["batch_size"] is None else run["batch_size"]
    dumped = request.model_dump(mode="json")
    table |= {name: dumped[to] for name, to in _own(type(request)).items()}
    if isinstance(request, FloodSpec):
        table["before"] = [scene.paths[0] for scene in request.before]
    if isinstance(request, PlumeSpec):
        table["reference"] = [scene.paths[0] for scene in request.reference]
    if isinstance(request, ChangeSpec):
        del table["scene"]
        table |= {"before": list(request.before.paths), "after": list(request.after.paths)}
        table["band"] = {
            **request.before.bands,
            **{f"after:{name}": path for name, path in request.after.bands.items()},
        }
    head = f"# geoseg {__version__}; read back with --config\n"
    return head + yaml.safe_dump(table, sort_keys=False, allow_unicode=True, default_flow_style=None)


def _scene_options(scene: SceneSpec) -> dict[str, object]:
    return {
        "scene": list(scene.paths),
        "band": dict(scene.bands),
        "sensor": scene.sensor,
        "sar-units": scene.sar_units,
        "clouds": scene.clouds,
        "mask": scene.mask,
        "mask-dilate": scene.mask_dilate,
    }
