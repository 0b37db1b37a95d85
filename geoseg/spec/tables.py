"""Read spectral classes and transition tables, and apply transition tables to class pairs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import UsageError
from geoseg.methods.spectral import Rule, parse_condition
from geoseg.spec.base import ClassSpec
from geoseg.spec.classes import ClassName, SpectralSpec, TransitionSpec
from geoseg.spec.documents import find_document, parse_document

MOST_LISTED = 4
"""Greatest number of classes that an error message lists."""

_UNNAMED = re.compile(r"(class|c|value)?\s*\d+")
"""Labels that contain only the value of the class."""


def spectral_classes(name_or_path: str) -> tuple[SpectralSpec, tuple[Rule, ...]]:
    """Return spectral classes with their rules.

    Raises:
        UsageError: the document does not exist or is not valid.
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
        UsageError: the document does not exist or is not valid.
    """
    name, text = find_document(name_or_path, "transitions")
    return parse_document(name, text, TransitionSpec, {})


def transition_types(
    table: TransitionSpec, classes: Sequence[ClassSpec], *, some: bool = False
) -> NDArray[np.int64]:
    """Apply a transition table to all pairs of the classes of a map.

    Args:
        table: the table; later rules override earlier ones.
        classes: K classes of the map; entries without a label are ignored.
        some: whether the map may have further classes elsewhere, so that rules may name values that are not
            among `classes`.

    Returns:
        (K, K) types of change; row: class on the first date, column: class on the second; 0: no rule applies.

    Raises:
        UsageError: the table lacks a class of the map, or a rule names a class that neither has.
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
    """Return a label in lower case, without punctuation and repeated blanks."""
    return re.sub(r"[\W_]+", " ", label).strip().casefold()


def _table_values(table: TransitionSpec, classes: Sequence[ClassSpec]) -> list[int]:
    """Return the values in a table of the classes of a map, by label, or by value for unnamed classes.

    Raises:
        UsageError: the table is for other classes.
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
        more = f" and {len(unknown) - MOST_LISTED} more" if len(unknown) > MOST_LISTED else ""
        known = ", ".join(f"{item.value} {item.label}" for item in table.classes[:MOST_LISTED])
        raise UsageError(
            f"transition table {table.name} does not contain the classes "
            f"{', '.join(unknown[:MOST_LISTED])}{more} of this map; it is for {known}, …"
        )
    return found


def _check_names(
    table: TransitionSpec, names: Mapping[ClassName, set[int]], classes: Sequence[ClassSpec], *, some: bool
) -> None:
    """Check that the classes in the rules of a table exist.

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
        more = " and more" if len(there) > MOST_LISTED else ""
        raise UsageError(
            f"transition table {table.name} is for other classes: there is no class or group "
            f"{', '.join(unknown[:MOST_LISTED])} among {', '.join(there[:MOST_LISTED])}{more}"
        )


def _key(name: ClassName) -> ClassName:
    """Return the key of a class for comparisons."""
    return plain_label(name) if isinstance(name, str) else name


def _members(
    wanted: Sequence[ClassName],
    values: NDArray[np.int64],
    names: Mapping[ClassName, set[int]],
    table: TransitionSpec,
) -> NDArray[np.bool_]:
    """Return a boolean for each class: whether a rule names it; all True if the rule names none."""
    if not wanted:
        return np.ones(len(values), np.bool_)
    found: set[int] = set()
    for name in wanted:
        for member in table.groups.get(str(name), (name,)):
            found |= names.get(_key(member), set())
    return np.isin(values, sorted(found))
