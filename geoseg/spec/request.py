"""Conversion between requests and their options: each option has one flat name, at any depth of nesting.

The name is the long option without dashes. Command lines, `--config` files, error messages and forms use the
same name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from geoseg.errors import UsageError
from geoseg.spec.option import Offer, Option
from geoseg.spec.problems import problem_text

Model = TypeVar("Model", bound=BaseModel)
Path = tuple[str, ...]
"""Field names from the request to the value; `*` stands for every item of a sequence."""

EACH = "*"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Position of an option's value in a request."""

    name: str
    """Name of the option, without dashes."""
    option: Option
    field: FieldInfo
    paths: tuple[Path, ...]
    """More than one if several scenes share the value."""
    prefixes: tuple[str, ...] = ("",)
    """For each path, the prefix of the entry names that belong to it; `""`: entries without a prefix."""
    scenes: bool = False
    """Whether the value is one or more paths of scenes."""
    offered: bool = True
    """Whether the command line has the option; a `--config` file may always set it."""

    @property
    def repeated(self) -> bool:
        """Whether the value is a list, of which one text is one item."""
        parsed = any(isinstance(item, BeforeValidator) for item in self.field.metadata)
        return get_args(bare_type(self.field.annotation))[1:] == (...,) and not parsed


@cache
def places(kind: type[BaseModel]) -> Mapping[str, Place]:
    """Return the options of a request by name, in the order of the fields; made once for each request."""
    found: dict[str, Place] = {}
    for place in _places(kind, (), Offer(), shared=False):
        seen = found.setdefault(place.name, place)
        if seen is not place:  # a further scene shares the option
            paths, prefixes = seen.paths + place.paths, seen.prefixes + place.prefixes
            found[place.name] = replace(seen, paths=paths, prefixes=prefixes)
    return found


def nested(kind: type[BaseModel], options: Mapping[str, object]) -> dict[str, Any]:
    """Arrange option values as the nested fields of a request, without validation.

    Args:
        kind: type of the request.
        options: values by option name; text is parsed later by the validators of the fields.

    Raises:
        UsageError: an option does not exist.
    """
    known = places(kind)
    if lost := next((name for name in options if name not in known), None):
        raise UsageError(f"{kind.__name__} has no option {lost}")
    table: dict[str, Any] = {
        name: {}
        for name, field in kind.model_fields.items()
        if field.is_required() and spec_of(field.annotation)[0] is not None and option_of(field) is None
    }
    # Scenes first: the values that they share are written into them.
    for name in sorted(options, key=lambda name: not known[name].scenes):
        place = known[name]
        for path, prefix in zip(place.paths, place.prefixes, strict=True):
            value = options[name]
            if len(place.paths) > 1 and place.option.own:
                value = _entries(value, prefix, place.prefixes)
            elif place.scenes:
                value = list(value) if isinstance(value, list | tuple) else [value]
                if EACH in path:
                    table[path[0]] = [{path[-1]: [item]} for item in value]
                    continue
            elif place.repeated:
                value = _listed(place, value)
            for target in _reach(table, path[:-1]):
                target[path[-1]] = value
    return table


def from_options(
    kind: type[Model], options: Mapping[str, object], where: Callable[[str], str] = str
) -> Model:
    """Make a request from option values by name.

    Args:
        kind: type of the request.
        options: values by option name; text is parsed by the validators of the fields.
        where: returns the text by which an error message names an option, such as `--tile` or
            `run.yaml, line 3: tile`.

    Raises:
        UsageError: an option is unknown, missing or invalid; the message names it.
    """
    try:
        return kind.model_validate(nested(kind, options))
    except ValidationError as error:
        name, text = _problem(kind, error)
        raise UsageError(f"{where(name)}: {text}" if name else text) from error


def to_options(request: BaseModel) -> dict[str, object]:
    """Return the options of a request by name, as values for YAML and JSON; None means "not given"."""
    dumped = request.model_dump(mode="json")
    return {name: _value(dumped, place) for name, place in places(type(request)).items()}


def option_of(field: FieldInfo) -> Option | None:
    """Return the option of a field, or None."""
    return next((item for item in field.metadata if isinstance(item, Option)), None)


def spec_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the model type in an annotation and whether it is repeated; (None, False) if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    if get_origin(annotation) is tuple and get_args(annotation)[1:] == (...,):
        inner, _ = spec_of(get_args(annotation)[0])
        return inner, inner is not None
    return None, False


def bare_type(annotation: Any) -> Any:
    """Return a type without `Annotated` metadata and without None."""
    if get_origin(annotation) is Annotated:
        return bare_type(get_args(annotation)[0])
    if get_origin(annotation) in {Union, UnionType}:
        members = [item for item in get_args(annotation) if item is not type(None)]
        return bare_type(members[0]) if len(members) == 1 else annotation
    return annotation


def _places(
    kind: type[BaseModel], above: Path, offer: Offer, *, shared: bool, prefix: str = ""
) -> Iterator[Place]:
    """Yield the options of the fields of a model.

    Args:
        kind: type of the model.
        above: path to the model.
        offer: fields that the command line has.
        shared: whether the model is one of several further scenes; these have only the options that all
            scenes share.
        prefix: prefix of `--band` entries of a further scene.
    """
    for name, field in kind.model_fields.items():
        option = option_of(field)
        inner, several = spec_of(field.annotation)
        if inner is not None:
            path = (*above, name, *([EACH] if several else []))
            if option is None:
                own = next((item for item in field.metadata if isinstance(item, Offer)), Offer())
                yield from _places(inner, path, own, shared=False)
                continue
            first = next(iter(inner.model_fields))
            yield Place(
                name=option.name or name.replace("_", "-"),
                option=option,
                field=field,
                paths=((*path, first),),
                scenes=True,
            )
            for place in _places(inner, path, Offer(), shared=several, prefix=option.prefix):
                if place.paths[0][-1] != first:
                    yield place
        elif option is not None and not (shared and option.own):
            yield Place(
                name=option.name or name.replace("_", "-"),
                option=option,
                field=field,
                paths=((*above, name),),
                prefixes=(prefix,),
                offered=name not in offer.without and (not offer.only or name in offer.only),
            )


def _listed(place: Place, value: object) -> Sequence[object]:
    """Return the items of a repeated option: a mapping is `NAME=VALUE` items, one item may be given alone."""
    if isinstance(value, Mapping) and "=" in place.option.metavar:
        return [f"{name}={item}" for name, item in value.items()]
    if not isinstance(value, list | tuple):
        return [value]
    item = bare_type(get_args(bare_type(place.field.annotation))[0])
    is_one = get_origin(item) is tuple and value and all(isinstance(part, int | float) for part in value)
    return [value] if is_one else value


def _reach(table: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """Return the tables at a path; missing tables are created, items of a missing sequence are not."""
    found = [table]
    for index, step in enumerate(path):
        if path[index + 1 : index + 2] == (EACH,):
            found = [item for own in found for item in own.get(step, [])]
        elif step != EACH:
            found = [own.setdefault(step, {}) for own in found]
    return found


def _entries(value: object, prefix: str, prefixes: Sequence[str]) -> object:
    """Return the named entries of a value that belong to one scene, without its prefix."""

    def belongs(entry: object) -> bool:
        text = str(entry).lower()
        return text.startswith(prefix) and (
            bool(prefix) or not text.startswith(tuple(filter(None, prefixes)))
        )

    if isinstance(value, Mapping):
        return {str(name)[len(prefix) :]: item for name, item in value.items() if belongs(name)}
    if isinstance(value, list | tuple | str):
        listed = [value] if isinstance(value, str) else value
        return [str(entry)[len(prefix) :] for entry in listed if belongs(entry)]
    return value


def _value(dumped: Any, place: Place) -> object:
    """Return the value of an option in a dumped request."""
    if place.scenes:
        *way, last = place.paths[0]
        found = _at(dumped, [step for step in way if step != EACH])
        return [item[last][0] for item in found] if EACH in way else found[last]
    if len(place.paths) > 1 and place.option.own:
        own = zip(place.paths, place.prefixes, strict=True)
        return {prefix + name: item for path, prefix in own for name, item in _at(dumped, path).items()}
    value = _at(dumped, place.paths[0])
    return place.option.word or None if value is None else value


def _at(dumped: Any, path: Sequence[str]) -> Any:
    for step in path:
        dumped = dumped[step]
    return dumped


def _problem(kind: type[BaseModel], error: ValidationError) -> tuple[str, str]:
    """Return the option name and the text of the first validation error.

    The name is empty if the text is complete without it: a missing argument, or values that exclude each
    other.
    """
    first = error.errors()[0]
    where = _names_in(first)
    place = next((place for place in places(kind).values() if _is_at(place, where)), None)
    if place is not None and (first["type"] == "missing" or first["input"] in ([], ())):
        if place.option.missing:
            return "", place.option.missing
        return place.name, "is required"
    here = [item for item in error.errors() if place is not None and _is_at(place, _names_in(item))]
    return (place.name if place is not None else ""), problem_text(here or [first])


def _names_in(error: ErrorDetails) -> Path:
    """Return the names of fields in the place of an error."""
    return tuple(part for part in error["loc"] if isinstance(part, str))


def _is_at(place: Place, where: Path) -> bool:
    """Whether an error at a path concerns an option."""
    for path in place.paths:
        own = tuple(step for step in path if step != EACH)
        if where and (where[: len(own)] == own or (place.scenes and own[: len(where)] == where)):
            return True
    return False
