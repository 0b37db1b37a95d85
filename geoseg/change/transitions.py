"""From what to what: codes of class pairs, how scores become them, and what is said of them.

A code is `direction * K² + from * K + to`, with `from` and `to` counted among the K classes in their order.
It is the class value of the map, one region being one transition.
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
from geoseg.spec import ClassSpec, TransitionSpec
from geoseg.spec.tables import transition_types

NOTHING = ClassSpec(value=0, label="", colour="#8c8c8c")
"""Stands before classes that count from 1, so that their index is their value."""

NO_KIND = "not in the table"
"""Kind of transitions that a table gives none."""

FADED = 0.3
"""Share of the first date's colour in that of a transition."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Transitions:
    """The pairs of classes that a map of change can hold."""

    classes: tuple[ClassSpec, ...]
    """K classes in the order of their index; the first may stand for no class at all."""
    directions: tuple[ClassSpec, ...] = ()
    """Kinds of change beside the pair (gain, loss), values counting from 1; empty: the pair says all."""
    types: NDArray[np.int64] | None = None
    """(K, K) kinds of transition by a table; None: no table."""
    type_classes: tuple[ClassSpec, ...] = ()

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
    def tells_classes(self) -> bool:
        """Whether it says from what to what."""
        return any(item.label for item in self.classes)

    @cached_property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Of the codes."""
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
        """Return the kind of every code, 0 of what did not change; None without a table."""
        if self.types is None:
            return None
        codes = np.arange(self.specs[-1].value + 1)
        _, first, second = self.split(codes)
        return np.where(codes == 0, 0, self.types[first, second])

    def _spec(
        self, value: int, direction: ClassSpec | None, first: ClassSpec, second: ClassSpec
    ) -> ClassSpec:
        """Name and colour of one transition."""
        if not self.tells_classes and direction is not None:
            return direction.model_copy(update={"value": value})
        label = f"{first.label} → {second.label}"
        if direction is not None:
            label += f" ({direction.label})"
        _, i, j = (int(part) for part in self.split(np.array(value)))
        kind = 0 if self.types is None else int(self.types[i, j])
        named = next((item.colour for item in self.type_classes if item.value == kind), None)
        return ClassSpec(value=value, label=label, colour=named or _mixed(first.colour, second.colour))


def _mixed(first: str, second: str) -> str:
    """The second colour with some of the first."""
    parts = (round(FADED * a + (1 - FADED) * b) for a, b in zip(rgb(first), rgb(second), strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)


class Counter:
    """Sums the ground area of all pairs, changed or not, before small polygons are left out."""

    def __init__(self, grid: Grid, size: int) -> None:
        """Start at nothing; `size` is the number of codes."""
        self._grid = grid
        self.pixels = np.zeros(size, np.int64)
        self.area_m2 = np.zeros(size)

    @property
    def unit(self) -> str:
        """What areas are in: ha, or pixels without a CRS."""
        return "pixels" if self._grid.crs is None else "ha"

    def matrix(self, count: int) -> NDArray[np.float64]:
        """Return the (K, K) areas in `unit`, row: first date, column: second, of `count` classes."""
        values = self.pixels.astype(np.float64) if self._grid.crs is None else self.area_m2 / 1e4
        return np.asarray(values.reshape(-1, count, count).sum(axis=0))

    def add(self, codes: NDArray[np.int64], valid: NDArray[np.bool_], window: Window) -> None:
        """Count a window of codes (H, W), those of unchanged pixels included."""
        pixels, areas = self._grid.tally(codes, valid, window, len(self.pixels))
        self.pixels += pixels
        self.area_m2 += areas


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What was found of some rows, (H, W) each."""

    codes: NDArray[np.int64]
    """The transition, if the pixel changed."""
    unchanged: NDArray[np.int64]
    """What the pixel counts for if it did not: its first class twice."""
    change: NDArray[np.float32]
    """Score of change, 0..1."""
    changed: NDArray[np.bool_]
    observed: NDArray[np.bool_] | None = None
    """Where neither date was found to be "no data"; None: everywhere."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Decided(ABC):
    """Decides rows, and counts every pixel on the way."""

    transitions: Transitions
    counter: Counter

    @abstractmethod
    def find(self, scores: NDArray[np.float32]) -> Found:
        """Look at the scores (K, H, W) of some rows."""

    def __call__(
        self, scores: NDArray[np.float32], valid: NDArray[np.bool_], window: Window
    ) -> tuple[Classes, NDArray[np.uint8]]:
        """Return codes, 0 where nothing changed, and the 255ths of their scores."""
        dtype = self.transitions.dtype
        classes: Classes = np.empty(valid.shape, dtype)
        quanta = np.empty(valid.shape, np.uint8)
        # A few rows at a time: codes are wide while they are computed with.
        for row in range(0, len(valid), DECIDE_ROWS):
            part = slice(row, row + DECIDE_ROWS)
            found, seen = self.find(scores[:, part]), valid[part]
            if found.observed is not None:
                seen = seen & found.observed
            changed = found.changed & seen
            counted = np.where(changed, found.codes, found.unchanged)
            self.counter.add(counted, seen, replace(window, row=window.row + row, height=len(seen)))
            classes[part] = np.where(changed, found.codes, 0)
            classes[part][~seen] = nodata_class(dtype)
            sure = np.where(changed, found.change, 1 - found.change)
            quanta[part] = np.where(seen, np.clip(sure * 255 + np.float32(0.5), 0, 255), 0)
        return classes, quanta


@dataclass(frozen=True, kw_only=True, eq=False)
class FromPlanes(Decided):
    """Decides where a method gives its score, a direction and both classes as planes of numbers."""

    def find(self, scores: NDArray[np.float32]) -> Found:
        """Planes: score of change (changed above 0.5), direction, from, to."""
        count = self.transitions.count
        change, (direction, first, second) = scores[0], scores[1:].astype(np.int64)
        # A code of 0 is "no change": what changed has a direction wherever the map tells directions.
        direction = np.maximum(direction, 1) if self.transitions.directions else np.int64(0)
        return Found(
            codes=direction * count**2 + first * count + second,
            unchanged=first * (count + 1),
            change=change,
            changed=change > np.float32(0.5),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class FromScores(Decided):
    """Decides where a network scored both dates: (2K, H, W), the first date's classes first.

    The score of change is that of two independent draws being of different classes, 1 - sum of products. A
    pixel changed where the best classes differ and that score is above the threshold.
    """

    threshold: float = 0.5
    nodata: int | None = None
    """Position of the class that says that nothing was observed; None: the network has none."""

    def find(self, scores: NDArray[np.float32]) -> Found:
        """Compare the dates."""
        count = self.transitions.count
        before, after = scores[:count], scores[count:]
        first, second = before.argmax(axis=0), after.argmax(axis=0)
        total = before.sum(axis=0) * after.sum(axis=0)
        change = 1 - (before * after).sum(axis=0) / np.maximum(total, np.float32(1e-6))
        return Found(
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
    some: bool = False,
) -> Transitions:
    """Say which transitions there are between classes.

    Args:
        classes: in the order of their index.
        table: of transitions; None: pairs have no kinds.
        directions: kinds of change beside the pair.
        within: whether the map can hold change from a class to the same class.
        some: whether there are further classes that these two dates do not hold.

    Raises:
        UsageError: the table is for other classes.
    """
    if table is None:
        return Transitions(classes=classes, directions=directions)
    types = transition_types(table, classes, some=some)
    kinds = table.types
    real = np.array([bool(item.label) for item in classes])
    untold = (types == 0) & real[:, np.newaxis] & real
    if not within:
        np.fill_diagonal(untold, False)
    if untold.any():
        # What changed is in the map, so that it needs a kind to be drawn by.
        value = max(item.value for item in kinds) + 1
        types = np.where(untold, value, types)
        kinds = (*kinds, ClassSpec(value=value, label=NO_KIND, colour="#969696"))
    return Transitions(classes=classes, directions=directions, types=types, type_classes=kinds)
