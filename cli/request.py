"""Make a validated request from options and a `--config` file; write a request for `--print-config`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import yaml
from pydantic import BaseModel

from geoseg import __version__
from geoseg.errors import SceneReadError, UsageError
from geoseg.files.doors import parsing
from geoseg.spec.base import on_this_machine
from geoseg.spec.request import Place, from_options, places, to_options
from geoseg.spec.yaml_text import parse_yaml, read_yaml_file

AnyRequest = TypeVar("AnyRequest", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class ConfigFile:
    """Options read from a file."""

    path: Path | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    """Line of each key, from 1."""


def read_config(path: Path, known: Collection[str]) -> ConfigFile:
    """Read a YAML file of options.

    Raises:
        UsageError: the file cannot be read, is not a mapping, or has an unknown or repeated key.
        SceneReadError: it is a pipe or device, or beyond a limit.
    """
    try:
        on_this_machine(path)
    except ValueError as error:
        raise UsageError(f"`--config`: {error}") from error
    with parsing(f"`--config {path}`"):
        return _read_config(path, known)


def _read_config(path: Path, known: Collection[str]) -> ConfigFile:
    """Read a YAML file of options; yaml may raise exceptions of its own."""
    try:
        node, table = parse_yaml(read_yaml_file(path), str(path))
    except SceneReadError:
        raise
    except OSError as error:
        raise UsageError(f"`--config {path}`: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"`--config {path}`: cannot be read: it is not text in UTF-8 or UTF-16; save it as UTF-8"
        ) from error
    if node is None:
        return ConfigFile(path=path)
    if not isinstance(node, yaml.MappingNode) or not isinstance(table, dict):
        raise UsageError(f"{path}: not a mapping of options; write one 'name: value' per line")
    lines: dict[str, int] = {}
    for key, _ in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines:
            raise UsageError(f"{path}, line {line}: {name} is repeated (first in line {lines[name]})")
        if name not in known:
            near = get_close_matches(name.replace("_", "-"), sorted(known), n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else "`--print-config` prints all names"
            raise UsageError(f"{path}, line {line}: unknown option {name!r}; {hint}")
        lines[name] = line
    options = {str(name): value for name, value in table.items() if value is not None}
    return ConfigFile(path=path, options=options, lines=lines)


def build(kind: type[AnyRequest], given: Mapping[str, object], config: Path | None = None) -> AnyRequest:
    """Validate a request.

    Args:
        kind: type of the request.
        given: options of the command line by name.
        config: file of further options; those of the command line override them.

    Raises:
        UsageError: an option is unknown, missing or invalid; the message names it.
    """
    known = places(kind)
    file = read_config(config, known) if config else ConfigFile()
    return from_options(kind, {**file.options, **given}, _naming(known, file, given))


def build_with_each(
    kind: type[AnyRequest],
    each: Mapping[str, Place],
    given: Mapping[str, object],
    config: Path | None = None,
) -> AnyRequest:
    """Validate a request that also has options of each of its items, in its field `options`.

    Its field `origins` has the place of those that the file gave, for messages.

    Args:
        kind: type of the request.
        each: options of the items; a name that the request has too belongs to the request.
        given: options of the command line by name.
        config: file of further options; those of the command line override them.

    Raises:
        UsageError: an option of the request is unknown, missing or invalid.
    """
    own = places(kind)
    known = {**each, **own}
    file = read_config(config, known) if config else ConfigFile()
    options = {**file.options, **given}
    mine = {name: value for name, value in options.items() if name in own}
    where = _naming(known, file, given)
    request = from_options(kind, mine, where)
    further = {name: _as_option(value) for name, value in options.items() if name not in own}
    origins = {name: where(name) for name in further if name in file.lines and name not in given}
    return request.model_copy(update={"options": further, "origins": origins})


def _as_option(value: object) -> object:
    """Return a value as plain text, number, list or mapping."""
    if isinstance(value, Mapping):
        return {str(name): _as_option(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_option(item) for item in value]
    return value if isinstance(value, bool | int | float) else str(value)


def _naming(
    known: Mapping[str, Place], file: ConfigFile, given: Mapping[str, object]
) -> Callable[[str], str]:
    """Return the function that names an option in messages: its place in the file, or its flag."""

    def where(name: str) -> str:
        if name in file.lines and name not in given:
            return f"{file.path}, line {file.lines[name]}: {name}"
        option = known[name].option
        return option.metavar.rstrip(".") if option.argument else f"`--{name}`"

    return where


def as_yaml(request: BaseModel, further: Mapping[str, object] = MappingProxyType({})) -> str:
    """Return a request, and further options, as YAML for `read_config`; null means "not given"."""
    head = f"# geoseg {__version__}; read back with --config\n"
    table = {**to_options(request), **further}
    return head + yaml.safe_dump(table, sort_keys=False, allow_unicode=True, default_flow_style=None)
