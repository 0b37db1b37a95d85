"""Styles of the merged map: those of its maps, with the classes of all and the date of each polygon."""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

from geoseg.outputs.gpkg_tables import STYLES
from geoseg.outputs.layer import SCENE_LAYER
from geoseg.outputs.qml import qml_text, set_instant

Row = tuple[object, ...]
_TABLE, _NAME, _QML, _SLD = 3, 5, 6, 7
"""Positions of the columns of `layer_styles`."""


def write_styles(sources: Sequence[Path], target: Path, *, column: str | None) -> None:
    """Write the styles of maps into the merged map; maps that are no GeoPackages have none.

    A map with many classes styles those that it has. The styles of the first map get the classes that only
    others have; an SLD, which would lack them, is left out then.

    Args:
        sources: the maps.
        target: the merged map, without styles.
        column: date and time of each polygon, in place of a day for all; None: there is none.
    """
    rows: dict[tuple[object, object], list[Row]] = {}
    for path in sources:
        if path.suffix.lower() == ".gpkg":
            for row in _styles(path):
                rows.setdefault((row[_TABLE], row[_NAME]), []).append(row)
    if not rows:
        return
    with closing(sqlite3.connect(target)) as file, file:
        file.executescript(STYLES)
        for number, ((table, _), same) in enumerate(rows.items(), start=1):
            kept = list(same[0])
            document, *others = (_parsed(each[_QML]) for each in same)
            if sum(_add_classes(document, other) for other in others):
                kept[_SLD] = None
            if column is not None and table != SCENE_LAYER:
                set_instant(document, column)
            kept[0], kept[_QML] = number, qml_text(document)
            marks = ", ".join("?" for _ in kept)
            file.execute(f"INSERT INTO layer_styles VALUES ({marks})", kept)  # noqa: S608 - only marks


def _styles(path: Path) -> Iterator[Row]:
    """Yield the rows of the styles of a map."""
    with closing(sqlite3.connect(path)) as file:
        if file.execute("SELECT 1 FROM sqlite_master WHERE name = 'layer_styles'").fetchone():
            yield from file.execute("SELECT * FROM layer_styles ORDER BY id")


def _parsed(qml: object) -> ElementTree.Element:
    return ElementTree.fromstring(str(qml))  # noqa: S314 - geoseg's own; expat bounds entity expansion


def _add_classes(document: ElementTree.Element, other: ElementTree.Element) -> bool:
    """Add the categories of another style that a style lacks; return whether there are any."""
    categories, symbols = document.find(".//categories"), document.find(".//symbols")
    if categories is None or symbols is None:
        return False
    known = {category.get("value") for category in categories}
    missing = [item for item in other.iterfind(".//categories/category") if item.get("value") not in known]
    drawn = {item.get("name"): item for item in other.iterfind(".//symbols/symbol")}
    for category in missing:
        name = str(len(symbols))
        symbol = copy.deepcopy(drawn[category.get("symbol")])
        symbol.set("name", name)
        symbols.append(symbol)
        category.set("symbol", name)
        categories.append(category)
    return bool(missing)
