"""Attributes of a map of change: columns of polygons, tables of transitions, gain and loss."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

import numpy as np

from geoseg.engine.image_pair import AFTER
from geoseg.engine.recipe import Extras
from geoseg.errors import UsageError
from geoseg.features import Column, Features
from geoseg.outputs import Kind
from geoseg.polygons import Regions
from geoseg.run_record import TableRows
from geoseg.spec import ChangeSpec, ClassSpec
from geoseg.tasks.change.transitions import Counter, Transitions

SCHEMA: dict[str, Kind] = {
    "from_class": "int",
    "from_label": "text",
    "to_class": "int",
    "to_label": "text",
    "date_before": "date",
    "date_after": "date",
}
"""Columns of change, in addition to those of every map."""

TYPE_SCHEMA: dict[str, Kind] = {"type": "int", "type_label": "text"}
"""Columns with a transition table."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ChangeAttributes:
    """Computes the columns and the tables of change."""

    transitions: Transitions
    dates: tuple[str, str]
    counter: Counter | None = None
    """None: a network of two dates, without classes before and after."""

    @property
    def acquired(self) -> str:
        """Both dates as one text."""
        return "/".join(item for item in self.dates if item)

    @property
    def schema(self) -> dict[str, Kind]:
        """The columns."""
        return {**SCHEMA, **(TYPE_SCHEMA if self.transitions.types is not None else {})}

    @property
    def categories(self) -> dict[str, tuple[ClassSpec, ...]]:
        """The classes of the columns that hold class values, besides those of the legend."""
        if self.counter is None or not self.transitions.has_classes:
            return {}
        both = tuple(item for item in self.transitions.classes if item.label)
        return {"class": self.transitions.specs[1:], "from_class": both, "to_class": both}

    def describe(self, features: Features) -> Features:
        """Add the columns to a batch."""
        size = len(features)
        columns: dict[str, Column] = dict(features.columns)
        if self.counter is None or not self.transitions.has_classes:
            nothing, unnamed = np.zeros(size, np.int64), np.full(size, "", object)
            columns |= {"from_class": nothing, "from_label": unnamed}
            columns |= {"to_class": nothing, "to_label": unnamed}
        else:
            values = np.array([item.value for item in self.transitions.classes])
            labels = np.array([item.label for item in self.transitions.classes], object)
            _, first, second = self.transitions.split(features.columns["class"])
            columns |= {
                "from_class": values[first],
                "from_label": labels[first],
                "to_class": values[second],
                "to_label": labels[second],
            }
            if self.transitions.types is not None:
                kinds = self.transitions.types[first, second]
                names = {item.value: item.label for item in self.transitions.type_classes}
                columns["type"] = kinds
                labels_of_types = [names.get(kind, "no change") for kind in kinds.tolist()]
                columns["type_label"] = np.array(labels_of_types, object)
        columns["date_before"] = np.full(size, self.dates[0], object)
        columns["date_after"] = np.full(size, self.dates[1], object)
        return Features(geometry=features.geometry, columns=columns)

    def dropped(self, regions: Regions) -> None:
        """Count regions that are not in the map as unchanged."""
        if self.counter is not None:
            _, first, _ = self.transitions.split(regions.classes)
            self.counter.move(regions, first * (self.transitions.count + 1))

    def tables(self) -> dict[str, TableRows]:
        """Return the transitions that occur, and gain and loss of each class."""
        if self.counter is None or not self.transitions.has_classes:
            return {}
        return {"transitions": self._pairs(self.counter), "gain_loss": self._gain_loss(self.counter)}

    def matrix_csv(self) -> str:
        """Return the from-to matrix as CSV, with names and sums; empty without classes."""
        if self.counter is None:
            return ""
        classes = self.transitions.classes
        known = [i for i, item in enumerate(classes) if item.label]
        inner = self.counter.matrix(len(classes))[np.ix_(known, known)]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        names = [classes[i].label for i in known]
        writer.writerow([f"from \\ to ({self.counter.unit})", *names, "total before"])
        for name, row in zip(names, inner, strict=True):
            writer.writerow([name, *(f"{value:.4f}" for value in (*row, row.sum()))])
        foot = (*inner.sum(axis=0), inner.sum())
        writer.writerow(["total after", *(f"{value:.4f}" for value in foot)])
        return text.getvalue()

    def _pairs(self, counter: Counter) -> TableRows:
        """Return one row for each pair in the map, largest first, with unchanged pairs."""
        count = self.transitions.count
        pixels = counter.pixels.reshape(-1, count, count).sum(axis=0)
        area = counter.area_m2.reshape(-1, count, count).sum(axis=0)
        order = sorted(np.argwhere(pixels).tolist(), key=lambda at: (-int(pixels[tuple(at)]), at))
        rows: list[dict[str, int | float | str]] = []
        for i, j in order:
            first, second = self.transitions.classes[i], self.transitions.classes[j]
            row: dict[str, int | float | str] = {
                "from_class": first.value,
                "from_label": first.label,
                "to_class": second.value,
                "to_label": second.label,
                "pixels": int(pixels[i, j]),
                "area_ha": round(float(area[i, j]) / 1e4, 4),
            }
            if self.transitions.types is not None:
                row["type"] = int(self.transitions.types[i, j]) if i != j else 0
            rows.append(row)
        return tuple(rows)

    def _gain_loss(self, counter: Counter) -> TableRows:
        """Return one row for each class in the map: area before and after, gain, loss, net."""
        matrix, unit = counter.matrix(self.transitions.count), counter.unit
        rows: list[dict[str, int | float | str]] = []
        for i, item in enumerate(self.transitions.classes):
            before, after, same = matrix[i].sum(), matrix[:, i].sum(), matrix[i, i]
            if before + after == 0:
                continue
            figures = {
                "before": before, "after": after, "gain": after - same, "loss": before - same,
                "net": after - before,
            }  # fmt: skip
            rows.append(
                {
                    "class": item.value,
                    "label": item.label,
                    **{f"{name}_{unit}": round(float(value), 4) for name, value in figures.items()},
                }
            )
        return tuple(rows)


def extras(spec: ChangeSpec, attributes: ChangeAttributes) -> Extras:
    """Return columns, tables, colours and further files of a map of change."""
    transitions = attributes.transitions
    files = {}
    if spec.matrix is not None:
        if attributes.counter is None or not transitions.has_classes:
            raise UsageError("`--matrix` needs classes on both dates, and this map has none")
        files = {spec.matrix: attributes.matrix_csv}
    return Extras(
        schema=attributes.schema,
        describe=attributes.describe,
        dropped=attributes.dropped,
        tables=attributes.tables,
        legend=transitions.type_classes,
        legend_column="type" if transitions.type_classes else "class",
        legend_of=transitions.type_of_code(),
        categories=attributes.categories,
        files=files,
        second=f"{AFTER}:",
    )
