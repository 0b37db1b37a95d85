"""The alpine transition table on all pairs of its 24 classes, against the rules written out as code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from geoseg.errors import UsageError
from geoseg.spec import ClassSpec
from geoseg.spec.tables import spectral_classes, transition_table, transition_types

DENSE, OPEN = {9, 12, 14, 16, 18}, {8, 11, 13, 15, 17}


def _stage(value: int) -> int:
    """1 young, 2 pole, 3 mature, 4 old; 0: no forest."""
    for stage, members in enumerate((range(6, 8), range(8, 11), range(11, 15), range(15, 19)), start=1):
        if value in members:
            return stage
    return 0


def _expected(first: int, second: int) -> int:
    """The kind of transition, rule by rule, a later one overriding."""
    kind = 0 if first == second else 8
    one, two = _stage(first), _stage(second)
    if second == 19 and first != 19:
        kind = 7
    if first == 19 and two == 1:
        kind = 6
    if (one, two) in {(1, 2), (2, 3), (3, 4), (2, 4)}:
        kind = 4
    if (one, two) in {(2, 1), (3, 1), (4, 1), (4, 3), (4, 2), (3, 2)}:
        kind = 3
    if one and one == two:
        if first in DENSE and second in OPEN:
            kind = {1: 3, 2: 3, 3: 1, 4: 2}[one]
        if first in OPEN and second in DENSE:
            kind = 5
    if first in {20, 21, 22} and two:
        kind = 6
    if 0 in {first, second}:
        kind = 255
    return kind


def test_the_alpine_table_on_all_pairs() -> None:
    table = transition_table("alpine-habitat")
    assert [item.value for item in table.classes] == list(range(24))
    found = transition_types(table, table.classes)
    expected = np.array([[_expected(i, j) for j in range(24)] for i in range(24)])
    np.testing.assert_array_equal(found, expected)
    assert set(found.ravel()) == {0, 1, 2, 3, 4, 5, 6, 7, 8, 255}


def test_land_cover_goes_by_labels() -> None:
    land, _ = spectral_classes("land")
    table = transition_table("land-cover")
    types = transition_types(table, land.classes)
    at = {item.label: i for i, item in enumerate(land.classes)}
    names = {item.value: item.label for item in table.types}
    assert names[types[at["dense vegetation"], at["bare or built"]]] == "vegetation loss"
    assert names[types[at["bare or built"], at["water"]]] == "water gain"
    assert names[types[at["water"], at["dense vegetation"]]] == "water loss"
    assert names[types[at["sparse vegetation"], at["burnt or dark"]]] == "burnt or dark ground"
    assert names[types[at["bare or built"], at["burnt or dark"]]] == "other"
    assert names[types[at["cloud"], at["water"]]] == "snow or cloud"
    assert types[at["water"], at["water"]] == 0
    assert types[at["cloud"], at["cloud"]] == 0
    assert names[types[at["bare or built"], at["bare or built"]]] == "change within bare or built"


def test_a_table_for_other_classes_is_refused() -> None:
    table = transition_table("alpine-habitat")
    with pytest.raises(UsageError, match="does not contain the classes 30 x of this map"):
        transition_types(table, [ClassSpec(value=30, label="x", colour="#000000")])
    with pytest.raises(
        UsageError, match="2 snow, 3 cloud, 4 dense vegetation, 5 sparse vegetation and 3 more"
    ):
        transition_types(table, spectral_classes("land")[0].classes)
    land = transition_table("land-cover")
    with pytest.raises(UsageError, match="no class or group dense vegetation, sparse vegetation"):
        transition_types(land, table.classes)


def test_classes_are_known_by_label_or_without_one_by_value() -> None:
    table = transition_table("alpine-habitat")
    swapped = [
        ClassSpec(value=5, label="Grassland", colour="#000000"),
        ClassSpec(value=21, label="clearcut", colour="#000000"),
    ]
    assert transition_types(table, swapped).tolist() == [[0, 7], [8, 0]]
    unnamed = [ClassSpec(value=value, label=f"class {value}", colour="#000000") for value in (21, 19)]
    assert transition_types(table, unnamed).tolist() == [[0, 7], [8, 0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\ntypes: [{value: 1, label: a, colour: '#000000'}]\nrules: [{type: 2}]", "type 2"),
        (
            "name: x\ntypes: [{value: 1, label: a, colour: '#000000'}]\nrules: [{type: 1, befor: [1]}]",
            "did you mean before",
        ),
        ("name: x\nrules: [{type: 1}]", "types is missing"),
    ],
)
def test_mistakes_in_a_table_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        transition_table(str(path))
