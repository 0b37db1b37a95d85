"""Spectral classes and transition tables: YAML as what tasks compute with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from geoseg.catalog.documents import find_document, parse_document
from geoseg.errors import UsageError
from geoseg.methods.spectral import Rule, parse_condition
from geoseg.spec import ClassName, ClassSpec, SpectralSpec, TransitionSpec


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


def transition_types(table: TransitionSpec, classes: Sequence[ClassSpec]) -> NDArray[np.int64]:
    """Apply a table to all pairs of a map's classes.

    Args:
        table: rules, the later the stronger.
        classes: of the map, K of them.

    Returns:
        (K, K) types, row: class on the first date, column: on the second; 0 is no change.

    Raises:
        UsageError: a rule names a class that neither the table nor the map has.
    """
    missing = {item.value for item in classes} - {item.value for item in table.classes}
    if table.classes and missing:
        raise UsageError(
            f"transition table {table.name} is for classes 0 to {max(item.value for item in table.classes)}; "
            f"this map has a class {min(missing)} besides"
        )
    names: dict[ClassName, set[int]] = {}
    for item in (*classes, *table.classes):
        names.setdefault(item.value, {item.value})
        names.setdefault(item.label, {item.value})
    values = np.array([item.value for item in classes])
    types = np.zeros((len(classes), len(classes)), np.int64)
    equal = values[:, np.newaxis] == values
    for rule in table.rules:
        first, second = (_members(wanted, values, names, table) for wanted in (rule.before, rule.after))
        hit = first[:, np.newaxis] & second
        types[hit & (~equal | rule.same)] = rule.type
    return types


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
            if member not in names:
                raise UsageError(f"transition table {table.name}: there is no class or group {member!r}")
            found |= names[member]
    return np.isin(values, sorted(found))
