"""QGIS styles (QML) and raster colour tables of a list of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from xml.etree import ElementTree

from geoseg.pixels import class_dtype, nodata_class
from geoseg.spec import ClassSpec

FILL_ALPHA = 140
"""Opacity of polygons, 0..255; their outlines are opaque."""
_HEADER = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"


def rgb(colour: str) -> tuple[int, int, int]:
    """Split `#rrggbb` into 0..255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def colour_table(classes: Sequence[ClassSpec]) -> dict[int, tuple[int, int, int, int]]:
    """Return RGBA by class value; unobserved pixels are transparent."""
    table = {spec.value: (*rgb(spec.colour), 255) for spec in classes}
    return {**table, nodata_class(class_dtype(table)): (0, 0, 0, 0)}


def classes_qml(
    classes: Sequence[ClassSpec], column: str = "class", shape: Literal["polygon", "point"] = "polygon"
) -> str:
    """Return a QGIS style with one category for each class, by a column of values."""
    document = _document()
    renderer = ElementTree.SubElement(
        document, "renderer-v2", type="categorizedSymbol", attr=column, enableorderby="0", symbollevels="0"
    )
    categories = ElementTree.SubElement(renderer, "categories")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for index, spec in enumerate(classes):
        ElementTree.SubElement(
            categories,
            "category",
            value=str(spec.value),
            label=spec.label,
            symbol=str(index),
            render="true",
            type="long",
        )
        red, green, blue = rgb(spec.colour)
        if shape == "point":
            _marker(symbols, name=str(index), color=f"{red},{green},{blue},255")
            continue
        _fill(
            symbols,
            name=str(index),
            color=f"{red},{green},{blue},{FILL_ALPHA}",
            outline_color=f"{red},{green},{blue},255",
            style="solid",
        )
    return _text(document)


def footprint_qml() -> str:
    """Return a QGIS style for footprints: a dark outline without fill."""
    document = _document()
    renderer = ElementTree.SubElement(document, "renderer-v2", type="singleSymbol", symbollevels="0")
    symbols = ElementTree.SubElement(renderer, "symbols")
    _fill(symbols, name="0", color="0,0,0,0", outline_color="60,60,60,255", style="no")
    return _text(document)


def _document() -> ElementTree.Element:
    return ElementTree.Element("qgis", version="3.22.0", styleCategories="Symbology")


def _text(document: ElementTree.Element) -> str:
    ElementTree.indent(document, " ")
    return _HEADER + ElementTree.tostring(document, encoding="unicode") + "\n"


def _marker(parent: ElementTree.Element, *, name: str, color: str) -> None:
    """Add a disc with a dark rim; the colour is `r,g,b,a`."""
    values = {
        "name": "circle",
        "color": color,
        "outline_color": "35,35,35,255",
        "outline_style": "solid",
        "outline_width": "0.3",
        "outline_width_unit": "MM",
        "size": "3",
        "size_unit": "MM",
    }
    _symbol(parent, "marker", "SimpleMarker", name, values)


def _fill(parent: ElementTree.Element, *, name: str, color: str, outline_color: str, style: str) -> None:
    """Add a simple fill symbol; colours are `r,g,b,a`."""
    values = {
        "color": color,
        "joinstyle": "bevel",
        "outline_color": outline_color,
        "outline_style": "solid",
        "outline_width": "0.26",
        "outline_width_unit": "MM",
        "style": style,
    }
    _symbol(parent, "fill", "SimpleFill", name, values)


def _symbol(
    parent: ElementTree.Element, kind: str, layer_class: str, name: str, values: Mapping[str, str]
) -> None:
    """Add a symbol of one layer."""
    symbol = ElementTree.SubElement(parent, "symbol", type=kind, name=name, alpha="1", clip_to_extent="1")
    layer = ElementTree.SubElement(symbol, "layer", {"class": layer_class, "enabled": "1", "pass": "0"})
    options = ElementTree.SubElement(layer, "Option", type="Map")
    for key, value in values.items():
        ElementTree.SubElement(options, "Option", type="QString", name=key, value=value)
