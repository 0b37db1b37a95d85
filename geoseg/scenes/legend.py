"""The legend of a raster: names and colours of its classes, from any place in the file format.

The VRT copy that GDAL makes of a raster holds its category names, colour table and attribute table as XML,
for every driver (GeoTIFF with `.aux.xml`, Erdas Imagine, ENVI classifications); tags hold the rest.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar
from xml.etree import ElementTree

import pyogrio
import rasterio
import rasterio.shutil
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from geoseg.errors import SceneReadError
from geoseg.files.bounded import check_label, read_bytes
from geoseg.files.doors import opening
from geoseg.files.inputs import opened
from geoseg.messages import note
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.paths import is_local
from geoseg.scenes.vector_files import reading_vector

LOG = logging.getLogger(__name__)

_VALUE, _LEAST, _NAME, _RED, _GREEN, _BLUE = 5, 3, 2, 6, 7, 8
"""Usages of columns of an attribute table (GDALRATFieldUsage)."""
_TEXT = 2
"""Type of a text column (GDALRATFieldType)."""

_VALUES = re.compile(r"^(value|val|code|gridcode|grid_code|pixel_?value|class(_?(id|code|value))?|id)$", re.I)
_NAMES = re.compile(r"class_?names?|category|label|legend|land_?cover|habitat|descript|name|class|type")
"""Names of columns of values and of names, for tables without usages."""

UNOBSERVED = re.compile(
    r"(no[ _-]?data|null|none|fill( value)?|unclassified|not? (observed|classified|mapped|value)|"
    r"unknown|missing|masked?|outside.*|clouds?( shadows?)?)",
    re.IGNORECASE,
)
"""Names of codes that are not classes."""


@dataclass(frozen=True, kw_only=True)
class Legend:
    """Names and colours by code."""

    names: Mapping[int, str] = field(default_factory=dict)
    colours: Mapping[int, str] = field(default_factory=dict)
    """`#rrggbb`."""
    transparent: frozenset[int] = frozenset()
    """Codes that are transparent in the colour table."""
    source: str = ""
    """Where names or colours were found, for notes; empty: nowhere."""

    @property
    def unobserved(self) -> frozenset[int]:
        """Codes whose names show that they are not classes."""
        return frozenset(code for code, name in self.names.items() if UNOBSERVED.fullmatch(name.strip()))


def read_legend(path: str, index: int = 1) -> Legend:
    """Read the legend of a band of a raster; it is empty where there is none.

    Args:
        path: as GDAL opens it.
        index: 1-based band.

    Raises:
        SceneReadError: a name is too long, or a file beside the raster is a pipe or device.
    """
    with warnings.catch_warnings():
        # The georeference is checked when the raster is mapped.
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        band = _described(path, index)
        readers: list[Callable[[], Table]] = []
        if band is not None:
            readers += [partial(_attribute_table, band), partial(_category_names, band)]
        readers += [partial(_dbf, path), partial(_from_tags, path, index), partial(_qgis_style, path)]
        tables = [_unless_damaged(path, read) for read in readers]
    colours, transparent = ({}, frozenset[int]()) if band is None else _colour_table(band)
    named = [(names, source) for names, _, source in tables if names]
    names, source = named[0] if named else ({}, "colour table" if colours else "")
    for code, name in names.items():
        check_label(name, f"{path}: the name of class {code}")
    listed = next((item for _, item, _ in tables if item), {})
    return Legend(names=names, colours={**listed, **colours}, transparent=transparent, source=source)


def _unless_damaged(path: str, read: Callable[[], Table]) -> Table:
    """Return a table of names; empty with a note where it is damaged."""
    try:
        with opening(f"a legend of {path}", "the classes get no names from it"):
            return read()
    except SceneReadError as error:
        note(LOG, str(error))
        return {}, {}, ""


Key = TypeVar("Key", int, str)

Table = tuple[dict[int, str], dict[int, str], str]
"""Names and colours by code, and where they were found."""


def _described(path: str, index: int) -> ElementTree.Element | None:
    """Return the element of a band in the VRT copy of a raster."""
    with rasterio.MemoryFile(ext=".vrt") as memory:
        try:
            with open_dataset(path) as dataset:
                rasterio.shutil.copy(dataset, memory.name, driver="VRT")
            root = ElementTree.fromstring(memory.read())  # noqa: S314 - GDAL wrote it
        except (RasterioError, OSError, ElementTree.ParseError):
            return None
    return next((band for band in root.iter("VRTRasterBand") if band.get("band") == str(index)), None)


def _category_names(band: ElementTree.Element) -> Table:
    """Return the category names by code, from 0."""
    elements = band.findall("CategoryNames/Category")
    names = {
        value: item.text.strip() for value, item in enumerate(elements) if item.text and item.text.strip()
    }
    return names, {}, "category names"


def _colour_table(band: ElementTree.Element) -> tuple[dict[int, str], frozenset[int]]:
    """Return colours that are neither a grey ramp nor black, and codes that are transparent."""
    entries = [
        tuple(int(entry.get(f"c{i}", "255" if i == 4 else "0")) for i in (1, 2, 3, 4))
        for entry in band.findall("ColorTable/Entry")
    ]
    if all(red == green == blue for red, green, blue, _ in entries) and len({*entries}) > 32:
        return {}, frozenset()
    colours = {value: _hex(rgba[:3]) for value, rgba in enumerate(entries) if rgba[:3] != (0, 0, 0)}
    return colours, frozenset(value for value, rgba in enumerate(entries) if rgba[3] == 0)


def _attribute_table(band: ElementTree.Element) -> Table:
    """Return names and colours of a raster attribute table."""
    table = band.find("GDALRasterAttributeTable")
    if table is None:
        return {}, {}, ""
    fields = [
        (item.findtext("Name", ""), int(item.findtext("Type", "0")), int(item.findtext("Usage", "0")))
        for item in table.findall("FieldDefn")
    ]
    rows = [[cell.text or "" for cell in row.findall("F")] for row in table.findall("Row")]
    usages = {usage: position for position, (_, _, usage) in enumerate(fields)}
    numbers = [i for i, (name, kind, _) in enumerate(fields) if kind != _TEXT and _VALUES.match(name)]
    texts = [i for i, (_, kind, _) in enumerate(fields) if kind == _TEXT]
    value = usages.get(_VALUE, numbers[0] if numbers else usages.get(_LEAST))
    name = usages.get(_NAME, _best_name({i: fields[i][0] for i in texts}))
    names, colours = {}, {}
    for position, row in enumerate(rows):
        code = position if value is None else _whole(row[value])
        if code is None:
            continue
        if name is not None and row[name].strip():
            names[code] = row[name].strip()
        if {_RED, _GREEN, _BLUE} <= usages.keys():
            parts = [float(row[usages[usage]] or 0) for usage in (_RED, _GREEN, _BLUE)]
            whole = all(fields[usages[usage]][1] == 0 for usage in (_RED, _GREEN, _BLUE))
            # Erdas Imagine stores 0..1.
            scale = 1 if whole or max(parts) > 1 else 255
            colours[code] = _hex([min(255, max(0, round(part * scale))) for part in parts])
    return names, colours, "raster attribute table"


def _dbf(path: str) -> Table:
    """Return names of the attribute table that ArcGIS writes next to a raster."""
    candidates = [Path(f"{path}.vat.dbf"), Path(path).with_suffix(".vat.dbf")] if is_local(path) else []
    table = next((item for item in candidates if item.is_file()), None)
    if table is None:
        return {}, {}, ""
    opened(table)
    try:
        with reading_vector(table) as file:
            meta, _, _, columns = pyogrio.raw.read(file, read_geometry=False)
    except pyogrio.errors.DataSourceError:
        return {}, {}, ""
    fields = dict(zip(map(str, meta["fields"]), columns, strict=True))
    numbers = [name for name, values in fields.items() if values.dtype.kind in "iuf"]
    value = next((name for name in numbers if _VALUES.match(name)), None)
    name = _best_name({name: name for name in fields if name not in numbers})
    if value is None or name is None:
        return {}, {}, ""
    names = {
        code: str(text).strip()
        for code, text in zip(map(_whole, fields[value].tolist()), fields[name].tolist(), strict=True)
        if code is not None and text and str(text).strip()
    }
    return names, {}, table.name


def _from_tags(path: str, index: int) -> Table:
    """Return names in tags: of geoseg (`CLASS_1=water`), and `flag_values` and `flag_meanings` of CF."""
    try:
        with open_dataset(path) as dataset:
            tags = {**dataset.tags(), **dataset.tags(index)}
    except RasterioError:
        return {}, {}, ""
    names = {int(key[6:]): text for key, text in tags.items() if re.fullmatch(r"CLASS_\d+", key)}
    if names:
        return names, {}, "tags CLASS_<value>"
    flags = {key.rpartition("#")[2].lower(): text for key, text in tags.items()}
    values = [int(part) for part in re.findall(r"-?\d+", flags.get("flag_values", ""))]
    words = flags.get("flag_meanings", "").split()
    if not values or len(values) != len(words):
        return {}, {}, ""
    # CF has signed bytes: 200 is written as -56.
    codes = [value % 256 if min(values) >= -128 else value for value in values]
    return dict(zip(codes, (word.replace("_", " ") for word in words), strict=True)), {}, "flag_meanings"


def _qgis_style(path: str) -> Table:
    """Return names and colours of a QGIS style of unique values next to a raster."""
    style = Path(path).with_suffix(".qml")
    if not is_local(path) or not style.is_file():
        return {}, {}, ""
    opened(style)
    try:
        entries = ElementTree.fromstring(read_bytes(style)).iter("paletteEntry")  # noqa: S314 - the user's own
    except ElementTree.ParseError:
        return {}, {}, ""
    coded = [(_whole(entry.get("value")), entry) for entry in entries]
    names = {code: entry.get("label", "").strip() for code, entry in coded if code is not None}
    colours = {
        code: entry.get("color", "").lower()
        for code, entry in coded
        if code is not None and re.fullmatch(r"#[0-9a-fA-F]{6}", entry.get("color", ""))
    }
    return {code: name for code, name in names.items() if name}, colours, style.name


def _best_name(columns: Mapping[Key, str]) -> Key | None:
    """Return the column of names among text columns: the first that matches a word of `_NAMES`, in order."""
    for word in _NAMES.pattern.split("|"):
        for key, name in columns.items():
            if re.search(word, name, re.IGNORECASE):
                return key
    return next(iter(columns), None)


def _whole(value: object) -> int | None:
    """Return an integer from a text or number; None for other values."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


def _hex(parts: tuple[int, ...] | list[int]) -> str:
    return "#" + "".join(f"{part:02x}" for part in parts[:3])
