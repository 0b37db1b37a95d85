"""Transitions: codes of pairs of classes, decided from scores, with names and colours.

A code is `direction * K² + from * K + to`, with `from` and `to` counted among the K classes in their order.
It is the class value of the map: a region has one transition.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geoseg.engine.blend import DECIDE_ROWS
from geoseg.grid import Grid, Window
from geoseg.outputs.styles import rgb
from geoseg.pixels import Classes, class_dtype, nodata_class
from geoseg.polygons import Regions
from geoseg.spec import ClassSpec, TransitionSpec
from geoseg.spec.base import MOST_LETTERS
from geoseg.spec.tables import transition_types

NOTHING = ClassSpec(value=0, label="", colour="#8c8c8c")
"""Placed before classes that are numbered from 1, so that their index is their value."""

NOT_IN_TABLE = "not in the table"
"""Label of the type of transitions that a table does not list."""

WITHIN_CLASS = "change within a class"
"""Label of the type of change within a class that a table does not list."""

FADED = 0.3
"""Share of the colour of the first date in that of a transition."""


def _part(label: str) -> str:
    """Return a label, or the beginning of one that is too long for a part of a label."""
    most = MOST_LETTERS // 3 - 10
    return label if len(label) <= most else f"{label[:most]}…"


@dataclass(frozen=True, kw_only=True, eq=False)
class Transitions:
    """The pairs of classes that a map of change can hold."""

    classes: tuple[ClassSpec, ...]
    """K classes in the order of their index; the first may be `NOTHING`."""
    directions: tuple[ClassSpec, ...] = ()
    """Directions of change (gain, loss), with values from 1; empty: none."""
    types: NDArray[np.int64] | None = None
    """(K, K) types of transitions of a table; None: no table."""
    type_classes: tuple[ClassSpec, ...] = ()
    within: bool = False
    """Whether change within a class is mapped that has no type in the table."""
    unknown: int = -1
    """Position of the class of pixels whose class is unknown; -1: there is none."""

    @property
    def count(self) -> int:
        """K."""
        return len(self.classes)

    def split(self, codes: NDArray[np.integer]) -> tuple[NDArray[np.int64], ...]:
        """Return direction, from and to of codes; from and to are positions among the classes."""
        wide = codes.astype(np.int64)
        direction, pair = np.divmod(wide, self.count**2)
        first, second = np.divmod(pair, self.count)
        return direction, first, second

    @property
    def has_classes(self) -> bool:
        """Whether the classes before and after are known."""
        return any(item.label for item in self.classes)

    @cached_property
    def hidden(self) -> NDArray[np.bool_]:
        """(K, K) pairs that are not mapped: of one class, without a type in the table."""
        known = [bool(item.label) and at != self.unknown for at, item in enumerate(self.classes)]
        same = np.diag(known) & (not self.within)
        return same if self.types is None else same & (self.types == 0)

    @cached_property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Data type of the codes."""
        return class_dtype(item.value for item in self.specs)

    @cached_property
    def specs(self) -> tuple[ClassSpec, ...]:
        """Every transition as a class of the map, background first."""
        rows = [ClassSpec(value=0, label="no change", colour="#f2efe9")]
        for direction in self.directions or (None,):
            for i, first in enumerate(self.classes):
                for j, second in enumerate(self.classes):
                    value = (direction.value if direction else 0) * self.count**2 + i * self.count + j
                    if value:
                        rows.append(self._spec(value, direction, first, second))
        return tuple(rows)

    def type_of_code(self) -> NDArray[np.int64] | None:
        """Return the type of each code, 0 without change; None without a table."""
        if self.types is None:
            return None
        codes = np.arange(self.specs[-1].value + 1)
        _, first, second = self.split(codes)
        return np.where(codes == 0, 0, self.types[first, second])

    def _spec(
        self, value: int, direction: ClassSpec | None, first: ClassSpec, second: ClassSpec
    ) -> ClassSpec:
        """Return a transition as a class of the map."""
        if not self.has_classes and direction is not None:
            return direction.model_copy(update={"value": value})
        # Each part has the length of a label, and so has the whole.
        label = f"{_part(first.label)} → {_part(second.label)}"
        if direction is not None:
            label += f" ({_part(direction.label)})"
        _, i, j = (int(part) for part in self.split(np.array(value)))
        kind = 0 if self.types is None else int(self.types[i, j])
        named = next((item.colour for item in self.type_classes if item.value == kind), None)
        return ClassSpec(value=value, label=label, colour=named or _mixed(first.colour, second.colour))


def _mixed(first: str, second: str) -> str:
    """Return the second colour with some of the first."""
    parts = (round(FADED * a + (1 - FADED) * b) for a, b in zip(rgb(first), rgb(second), strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)


class Counter:
    """Sums the ground area of all pairs, changed or not.

    What is dropped from the map later is counted apart, since other threads count pixels and drop regions.
    """

    def __init__(self, grid: Grid, size: int) -> None:
        """Start at 0; `size` is the number of codes."""
        self._grid = grid
        self._pixels, self._moved_pixels = np.zeros((2, size), np.int64)
        self._area_m2, self._moved_area_m2 = np.zeros((2, size))

    @property
    def pixels(self) -> NDArray[np.int64]:
        """Pixels of each code."""
        return self._pixels + self._moved_pixels

    @property
    def area_m2(self) -> NDArray[np.float64]:
        """Ground area of each code; without pixels 0, whatever rounding leaves."""
        return np.where(self.pixels > 0, np.maximum(self._area_m2 + self._moved_area_m2, 0), 0)

    @property
    def unit(self) -> str:
        """Unit of areas: ha, or pixels without a CRS."""
        return "pixels" if self._grid.crs is None else "ha"

    def matrix(self, count: int) -> NDArray[np.float64]:
        """Return the (K, K) areas in `unit`, row: first date, column: second, of `count` classes."""
        values = self.pixels.astype(np.float64) if self._grid.crs is None else self.area_m2 / 1e4
        return np.asarray(values.reshape(-1, count, count).sum(axis=0))

    def add(self, codes: NDArray[np.int64], valid: NDArray[np.bool_], window: Window) -> None:
        """Count a window of codes (H, W), including unchanged pixels."""
        pixels, areas = self._grid.tally(codes, valid, window, len(self.pixels))
        self._pixels += pixels
        self._area_m2 += areas

    def move(self, regions: Regions, to: NDArray[np.int64]) -> None:
        """Count regions of codes as pixels of other codes (n,)."""
        for codes, sign in ((regions.classes, -1), (to, 1)):
            np.add.at(self._moved_pixels, codes, sign * regions.pixels)
            np.add.at(self._moved_area_m2, codes, sign * regions.area_cm2 / 1e4)


@dataclass(frozen=True, kw_only=True, eq=False)
class DecidedRows:
    """Transitions of some rows, (H, W) each."""

    codes: NDArray[np.int64]
    """The transition, if the pixel changed."""
    unchanged: NDArray[np.int64]
    """The code of the pixel if it did not change: its first class twice."""
    change: NDArray[np.float32]
    """Score of change, 0..1."""
    changed: NDArray[np.bool_]
    observed: NDArray[np.bool_] | None = None
    """Where neither date has the class "no data"; None: everywhere."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Decided(ABC):
    """Decides rows, and counts all pixels."""

    transitions: Transitions
    counter: Counter

    @abstractmethod
    def decide(self, scores: NDArray[np.float32]) -> DecidedRows:
        """Return the transitions of some rows from their scores (K, H, W)."""

    def __call__(
        self, scores: NDArray[np.float32], valid: NDArray[np.bool_], window: Window
    ) -> tuple[Classes, NDArray[np.uint8]]:
        """Return codes, 0 where nothing changed, and the 255ths of their scores."""
        dtype = self.transitions.dtype
        classes: Classes = np.empty(valid.shape, dtype)
        quanta = np.empty(valid.shape, np.uint8)
        # A few rows at a time, since codes have eight bytes during computation.
        for row in range(0, len(valid), DECIDE_ROWS):
            part = slice(row, row + DECIDE_ROWS)
            rows, observed = self.decide(scores[:, part]), valid[part]
            if rows.observed is not None:
                observed = observed & rows.observed
            changed = rows.changed & observed
            counted = np.where(changed, rows.codes, rows.unchanged)
            self.counter.add(counted, observed, replace(window, row=window.row + row, height=len(observed)))
            np.multiply(rows.codes, changed, out=classes[part], casting="unsafe")
            np.copyto(classes[part], nodata_class(dtype), where=~observed)
            sure = np.where(changed, rows.change, 1 - rows.change)
            sure *= 255
            sure += np.float32(0.5)
            np.clip(sure, 0, 255, out=sure)
            np.copyto(sure, 0, where=~observed)
            quanta[part] = sure
        return classes, quanta


@dataclass(frozen=True, kw_only=True, eq=False)
class FromPlanes(Decided):
    """Decides from the planes of a method: score of change, direction, classes before and after."""

    def decide(self, scores: NDArray[np.float32]) -> DecidedRows:
        """Planes: score of change (changed above 0.5), direction, from, to."""
        count = self.transitions.count
        change = scores[0]
        first = scores[2].astype(np.intp)
        codes = first * count
        codes += scores[3].astype(np.intp)
        changed = change > np.float32(0.5)
        changed &= ~self.transitions.hidden.ravel().take(codes)
        if self.transitions.directions:
            # Code 0 is "no change", so that changed pixels need a direction where there are directions.
            codes += np.maximum(scores[1], 1).astype(np.intp) * count**2
        first *= count + 1
        return DecidedRows(codes=codes, unchanged=first, change=change, changed=changed)


@dataclass(frozen=True, kw_only=True, eq=False)
class FromScores(Decided):
    """Decides from the scores of a network of both dates, (2K, H, W), classes of the first date first.

    The score of change is the probability that two independent draws differ, 1 - sum of products. A pixel
    changed where the best classes differ and that score is above the threshold.
    """

    threshold: float = 0.5
    nodata: int | None = None
    """Position of the class "no data"; None: the network has none."""

    def decide(self, scores: NDArray[np.float32]) -> DecidedRows:
        """Compare the dates."""
        count = self.transitions.count
        before, after = scores[:count], scores[count:]
        first, second = before.argmax(axis=0), after.argmax(axis=0)
        total = before.sum(axis=0) * after.sum(axis=0)
        change = 1 - (before * after).sum(axis=0) / np.maximum(total, np.float32(1e-6))
        return DecidedRows(
            codes=first * count + second,
            unchanged=first * (count + 1),
            change=change,
            changed=(first != second) & (change > np.float32(self.threshold)),
            observed=None if self.nodata is None else (first != self.nodata) & (second != self.nodata),
        )


def transitions_between(
    classes: tuple[ClassSpec, ...],
    table: TransitionSpec | None,
    directions: tuple[ClassSpec, ...] = (),
    *,
    within: bool = False,
    unknown: int = -1,
    some: bool = False,
) -> Transitions:
    """Return the transitions between classes.

    Args:
        classes: in the order of their index.
        table: of transitions; None: pairs have no types.
        directions: of change.
        within: whether change within a class is mapped that has no type in the table.
        unknown: position of the class of pixels whose class is unknown, in which change is always mapped.
        some: whether the table may have classes that these dates lack.

    Raises:
        UsageError: the table is for other classes.
    """
    if table is None:
        return Transitions(classes=classes, directions=directions, within=within, unknown=unknown)
    types = transition_types(table, classes, some=some)
    kinds = table.types
    real = np.array([bool(item.label) for item in classes])
    unlisted = (types == 0) & real[:, np.newaxis] & real
    same = np.diag([at != unknown for at in range(len(classes))])
    # Every transition of the map needs a type to be drawn by.
    for pairs, label, colour in (
        (unlisted & ~same, NOT_IN_TABLE, "#969696"),
        (unlisted & same & within, WITHIN_CLASS, "#c7c7c7"),
    ):
        if pairs.any():
            value = max(item.value for item in kinds) + 1
            types = np.where(pairs, value, types)
            kinds = (*kinds, ClassSpec(value=value, label=label, colour=colour))
    return Transitions(
        classes=classes,
        directions=directions,
        types=types,
        type_classes=kinds,
        within=within,
        unknown=unknown,
    )
