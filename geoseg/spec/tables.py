"""Spectral classes and transition tables: YAML as what tasks compute with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import UsageError
from geoseg.methods.spectral import Rule, parse_condition
from geoseg.spec import ClassName, ClassSpec, SpectralSpec, TransitionSpec
from geoseg.spec.documents import find_document, parse_document

MOST_TOLD = 4
"""Classes that an error names."""

_UNNAMED = re.compile(r"(class|c|value)?\s*\d+")
"""Labels of classes that have no name of their own."""


def spectral_classes(name_or_path: str) -> tuple[SpectralSpec, tuple[Rule, ...]]:
    """Return spectral classes with their rules.

    Raises:
        UsageError: there is no such document, or it is not valid.
    """
    name, text = find_document(name_or_path, "spectral")
    spec = parse_document(name, text, SpectralSpec, {})
    values = {item.label: item.value for item in spec.classes}
    try:
        rules = tuple(
            Rule(value=values[rule.label], conditions=tuple(parse_condition(text) for text in rule.when))
            for rule in spec.rules
        )
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error
    return spec, rules


def transition_table(name_or_path: str) -> TransitionSpec:
    """Return a transition table.

    Raises:
        UsageError: there is no such document, or it is not valid.
    """
    name, text = find_document(name_or_path, "transitions")
    return parse_document(name, text, TransitionSpec, {})


def transition_types(
    table: TransitionSpec, classes: Sequence[ClassSpec], *, some: bool = False
) -> NDArray[np.int64]:
    """Apply a table to all pairs of a map's classes.

    Args:
        table: rules, the later the stronger.
        classes: of the map, K of them; one without a label is no class.
        some: whether the map may hold further classes elsewhere, so that a rule may name values that are not
            among these.

    Returns:
        (K, K) types, row: class on the first date, column: on the second; 0 where no rule fits.

    Raises:
        UsageError: the table does not know a class of the map, or a rule names a class that neither has.
    """
    values = np.array(_table_values(table, classes))
    names: dict[ClassName, set[int]] = {}
    for item in table.classes or classes:
        names.setdefault(item.value, {item.value})
        names.setdefault(plain_label(item.label), set()).add(item.value)
    _check_names(table, names, classes, some=some)
    types = np.zeros((len(classes), len(classes)), np.int64)
    equal = values[:, np.newaxis] == values
    for rule in table.rules:
        first, second = (_members(wanted, values, names, table) for wanted in (rule.before, rule.after))
        hit = first[:, np.newaxis] & second
        types[hit & (~equal | rule.same)] = rule.type
    return types


def plain_label(label: str) -> str:
    """Return a class's name without regard to case, blanks and punctuation."""
    return re.sub(r"[\W_]+", " ", label).strip().casefold()


def _table_values(table: TransitionSpec, classes: Sequence[ClassSpec]) -> list[int]:
    """Values that a table has for a map's classes: those of equal labels; classes without names go by value.

    Raises:
        UsageError: the table was made for other classes.
    """
    if not table.classes:
        return [item.value for item in classes]
    by_label = {plain_label(item.label): item.value for item in table.classes}
    values = {item.value for item in table.classes}
    found: list[int] = []
    unknown: list[str] = []
    for item in classes:
        label = plain_label(item.label)
        if label in by_label:
            found.append(by_label[label])
        elif item.value in values and _UNNAMED.fullmatch(label):
            found.append(item.value)
        else:
            found.append(item.value)
            unknown += [f"{item.value} {item.label}"] if label else []
    if unknown:
        more = f" and {len(unknown) - MOST_TOLD} more" if len(unknown) > MOST_TOLD else ""
        known = ", ".join(f"{item.value} {item.label}" for item in table.classes[:MOST_TOLD])
        raise UsageError(
            f"transition table {table.name} does not know the classes {', '.join(unknown[:MOST_TOLD])}{more} "
            f"of this map; it is for {known}, …"
        )
    return found


def _check_names(
    table: TransitionSpec, names: Mapping[ClassName, set[int]], classes: Sequence[ClassSpec], *, some: bool
) -> None:
    """Refuse rules about classes that are not there.

    Raises:
        UsageError: a name is unknown.
    """
    said = (name for rule in table.rules for name in (*rule.before, *rule.after))
    members = dict.fromkeys(member for name in said for member in table.groups.get(str(name), (name,)))
    unknown = [
        str(name) for name in members if _key(name) not in names and not (some and isinstance(name, int))
    ]
    if unknown:
        there = [f"{item.value} {item.label}" for item in classes if item.label]
        more = " and more" if len(there) > MOST_TOLD else ""
        raise UsageError(
            f"transition table {table.name} is for other classes: there is no class or group "
            f"{', '.join(unknown[:MOST_TOLD])} among {', '.join(there[:MOST_TOLD])}{more}"
        )


def _key(name: ClassName) -> ClassName:
    """What a class is looked up by."""
    return plain_label(name) if isinstance(name, str) else name


def _members(
    wanted: Sequence[ClassName],
    values: NDArray[np.int64],
    names: Mapping[ClassName, set[int]],
    table: TransitionSpec,
) -> NDArray[np.bool_]:
    """Which classes a rule means; all where it names none."""
    if not wanted:
        return np.ones(len(values), np.bool_)
    found: set[int] = set()
    for name in wanted:
        for member in table.groups.get(str(name), (name,)):
            found |= names.get(_key(member), set())
    return np.isin(values, sorted(found))
