"""Parse YAML documents into specs; errors give the line and the most similar valid name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Annotated, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from geoseg.errors import SceneReadError, UsageError
from geoseg.files.doors import parsing
from geoseg.spec.base import Spec
from geoseg.spec.problems import problem_text
from geoseg.spec.yaml_text import parse_yaml, read_yaml_file

AnySpec = TypeVar("AnySpec", bound=Spec)


def find_document(name_or_path: str, folder: str) -> tuple[str, str]:
    """Return name and text of a YAML document: a file, or the name of one installed with geoseg.

    Raises:
        UsageError: the document does not exist or cannot be read.
        SceneReadError: it is a pipe or device, or too long.
    """
    path = Path(name_or_path)
    shipped = {
        item.name.removesuffix(".yaml"): item
        for item in files("geoseg.configs").joinpath(folder).iterdir()
        if item.name.endswith(".yaml")
    }
    if not path.is_file() and name_or_path in shipped:
        return name_or_path, shipped[name_or_path].read_text(encoding="utf-8")
    try:
        return str(path), read_yaml_file(path)
    except SceneReadError:
        raise
    except FileNotFoundError:
        near = get_close_matches(name_or_path, shipped, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"installed are {', '.join(sorted(shipped))}"
        raise UsageError(f"{name_or_path}: no such config; {hint}") from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: cannot be read: it is not text in UTF-8 or UTF-16; save it as UTF-8"
        ) from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error


def parse_document(name: str, text: str, kind: type[AnySpec], changes: dict[str, object]) -> AnySpec:
    """Validate a YAML document.

    Args:
        name: name of the document in messages.
        text: YAML.
        kind: type of the spec.
        changes: values that replace those of the document, by dotted name (`loop.epochs`).

    Raises:
        UsageError: the text is not YAML, or a key is unknown, missing or invalid; the message gives the
            line.
        SceneReadError: it is nested too deep, or has too many values or too long integers.
    """
    with parsing(name):
        node, table = parse_yaml(text, name)
        if not isinstance(table, dict):
            raise UsageError(f"{name}: not a mapping of keys to values")
        for dotted, value in changes.items():
            *outer, last = dotted.split(".")
            inner = table
            for part in outer:
                inner = inner.setdefault(part, {})
            # A later change may be of a part of this value, which belongs to the caller.
            inner[last] = deepcopy(value)
        try:
            return kind.model_validate(table)
        except ValidationError as error:
            problems = error.errors(include_url=False)
            raise UsageError(_explain(name, node, kind, problems, changes)) from error


def _explain(
    name: str,
    node: yaml.Node | None,
    kind: type[BaseModel],
    problems: Sequence[ErrorDetails],
    changes: Mapping[str, object],
) -> str:
    """Return the message of validation errors: the first with its position, and the keys of the others."""
    places: dict[str, list[ErrorDetails]] = {}
    for item in problems:
        places.setdefault(".".join(map(str, _place(kind, item))), []).append(item)
    dotted, *others = places
    first = places[dotted][0]
    place = _place(kind, first)
    line = _line(node, place)
    where = f"{name}{f', line {line}' if line else ''}"
    label = f"{dotted}: " if dotted else ""
    if any(f"{dotted}.".startswith(f"{key}.") for key in changes):
        where, label = f"`--set {dotted}`", ""
    also = f"; also wrong: {', '.join(others[:5])}" if any(others) else ""
    if first["type"] == "extra_forbidden":
        near = get_close_matches(str(place[-1]), _names(kind, place[:-1]), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(_names(kind, place[:-1]))}"
        return f"{where}: unknown key {dotted!r}; {hint}{also}"
    if first["type"] == "missing":
        return f"{where}: {dotted} is missing{also}"
    return f"{where}: {label}{problem_text(places[dotted])}{also}"


def _place(kind: type[BaseModel], problem: ErrorDetails) -> list[int | str]:
    """Return the keys and positions at which an error is, without the types of a union that it tried."""
    found: list[int | str] = []
    for part in problem["loc"]:
        if isinstance(part, str) and part not in _names(kind, found) and _names(kind, found):
            if part == problem["loc"][-1] and problem["type"] == "extra_forbidden":
                found.append(part)
            continue
        if isinstance(part, str) and ("[" in part or part in {"int", "float", "str", "bool", "path"}):
            continue
        found.append(part)
    return found


def _line(node: yaml.Node | None, place: Sequence[int | str]) -> int | None:
    """Return the line, from 1, of the innermost key of a path that exists."""
    line = None
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if str(key.value) == str(part)]
            if not found:
                break
            key, node = found[0]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _names(kind: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """Return the valid keys at a path of a document."""
    for part in place:
        if isinstance(part, int):
            continue
        field = kind.model_fields.get(str(part))
        inner = _model_in(field.annotation) if field is not None else None
        if inner is None:
            return []
        kind = inner
    return list(kind.model_fields)


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Return the model type inside `tuple[Model, ...]`, `Model | None` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {tuple, list, Union, UnionType, Annotated}:
        return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
    return None
