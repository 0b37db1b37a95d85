"""Which transitions a map of change holds, and how they are counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS

from geoseg.grid import Grid, Window
from geoseg.pixels import Strip
from geoseg.polygons import Cleaning, Polygoniser
from geoseg.spec.tables import spectral_classes, transition_table
from geoseg.tasks.change.change_attributes import ChangeAttributes
from geoseg.tasks.change.transitions import (
    NOTHING,
    WITHIN_CLASS,
    Counter,
    FromPlanes,
    Transitions,
    transitions_between,
)

LAND, _ = spectral_classes("land")
AT = {item.label: item.value for item in LAND.classes}
GRID = Grid(crs=CRS.from_epsg(32633), transform=Affine(10, 0, 5e5, 0, -10, 5e6), height=1, width=6)
PAIRS = (
    ("water", "water"),
    ("bare or built", "bare or built"),
    ("dense vegetation", "dense vegetation"),
    ("water", "bare or built"),
    ("cloud", "cloud"),
    ("dense vegetation", "sparse vegetation"),
)


def land_transitions(table: str | None, *, within: bool = False) -> Transitions:
    rules = None if table is None else transition_table(table)
    return transitions_between((NOTHING, *LAND.classes), rules, within=within)


def planes() -> NDArray[np.float32]:
    """Scores of a row of pixels that all changed, one of each pair."""
    first, second = (np.array([[AT[pair[i]] for pair in PAIRS]]) for i in (0, 1))
    return np.stack([np.full(first.shape, 0.8), np.zeros(first.shape), first, second]).astype(np.float32)


@pytest.mark.parametrize(
    ("table", "within", "mapped"),
    [
        ("land-cover", False, [False, True, False, True, False, True]),
        (None, False, [False, False, False, True, False, True]),
        ("land-cover", True, [True] * 6),
        (None, True, [True] * 6),
    ],
)
def test_change_within_a_class_is_a_finding_where_the_table_has_a_type(
    table: str | None, within: bool, mapped: list[bool]
) -> None:
    transitions = land_transitions(table, within=within)
    counter = Counter(GRID, transitions.specs[-1].value + 1)
    decide = FromPlanes(transitions=transitions, counter=counter)
    classes, _ = decide(planes(), np.ones((1, 6), np.bool_), GRID.window)
    assert (classes[0] > 0).tolist() == mapped
    assert counter.pixels.sum() == 6
    if within and table:
        labels = {item.value: item.label for item in transitions.type_classes}
        assert transitions.types is not None
        assert labels[int(transitions.types[AT["water"], AT["water"]])] == WITHIN_CLASS


def test_what_is_dropped_is_counted_as_unchanged() -> None:
    transitions = land_transitions("land-cover")
    counter = Counter(GRID, transitions.specs[-1].value + 1)
    attributes = ChangeAttributes(transitions=transitions, dates=("", ""), counter=counter)
    decide = FromPlanes(transitions=transitions, counter=counter)
    classes, scores = decide(planes(), np.ones((1, 6), np.bool_), GRID.window)
    total = counter.area_m2.sum()
    labels = {item.value: item.label for item in transitions.specs}
    polygoniser = Polygoniser(GRID, Cleaning(patch_seed=0.9), labels, dropped=attributes.dropped)
    made = [*polygoniser.add(Strip(row=0, classes=classes, scores=scores)), *polygoniser.finish()]
    assert not sum(len(features) for features in made)
    pairs = counter.pixels.reshape(-1, transitions.count, transitions.count).sum(axis=0)
    assert (pairs == np.diag(np.diag(pairs))).all()
    assert pairs.sum() == 6
    assert counter.area_m2.sum() == pytest.approx(total, rel=1e-6)
    assert (counter.area_m2[counter.pixels == 0] == 0).all()


def test_windows_are_counted_one_by_one() -> None:
    transitions = land_transitions(None)
    counter = Counter(GRID, transitions.specs[-1].value + 1)
    decide = FromPlanes(transitions=transitions, counter=counter)
    for col in range(6):
        window = replace(GRID.window, col=col, width=1)
        assert isinstance(window, Window)
        decide(planes()[:, :, col : col + 1], np.ones((1, 1), np.bool_), window)
    assert counter.pixels.sum() == 6


def test_transitions_of_long_labels_have_labels() -> None:
    """Each label has the greatest length, with which a transition of two would be longer than any label."""
    classes = [item.model_copy(update={"label": item.label[:1] * 2000}) for item in LAND.classes[:2]]
    made = transitions_between((NOTHING, *classes), None, within=False)
    label = max((item.label for item in made.specs), key=len)
    assert len(label) < 2000
    assert label.count("…") == 2
