"""QGIS style and form of a sample: a list of classes for the reference, with the map class hidden."""

from __future__ import annotations

from collections.abc import Mapping
from xml.etree import ElementTree

HIDDEN = ("map_class", "map_label")
"""Columns with the map class, which interpreters must not see."""

_HEADER = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_MARKER = {
    "name": "square",
    "color": "255,255,255,0",
    "outline_color": "255,0,255,255",
    "outline_width": "0.5",
    "outline_width_unit": "MM",
    "size": "4",
    "size_unit": "MM",
}


def sample_qml(labels: Mapping[int, str]) -> str:
    """Return a QGIS style of the layer `sample`: one hollow symbol for all points, and its form.

    Args:
        labels: label of each class that `reference` can have.
    """
    root = ElementTree.Element(
        "qgis", version="3.22.0", styleCategories="Symbology|Fields|Forms|AttributeTable"
    )
    renderer = ElementTree.SubElement(root, "renderer-v2", type="singleSymbol", symbollevels="0")
    symbols = ElementTree.SubElement(renderer, "symbols")
    symbol = ElementTree.SubElement(symbols, "symbol", type="marker", name="0", alpha="1")
    layer = ElementTree.SubElement(symbol, "layer", {"class": "SimpleMarker", "enabled": "1", "pass": "0"})
    _text_options(ElementTree.SubElement(layer, "Option", type="Map"), _MARKER)
    fields = ElementTree.SubElement(root, "fieldConfiguration")
    choices = ElementTree.SubElement(
        _widget(fields, "reference", "ValueMap"), "Option", type="List", name="map"
    )
    for value, label in sorted(labels.items()):
        choice = ElementTree.SubElement(choices, "Option", type="Map")
        _text_options(choice, {f"{label} ({value})": str(value)})
    for name in HIDDEN:
        _widget(fields, name, "Hidden")
    table = ElementTree.SubElement(root, "attributetableconfig")
    columns = ElementTree.SubElement(table, "columns")
    for name in ("id", *HIDDEN, "reference", "comment"):
        hidden = "1" if name in HIDDEN else "0"
        ElementTree.SubElement(columns, "column", type="field", name=name, hidden=hidden)
    ElementTree.indent(root, " ")
    return _HEADER + ElementTree.tostring(root, encoding="unicode") + "\n"


def _widget(fields: ElementTree.Element, name: str, kind: str) -> ElementTree.Element:
    """Add the edit widget of a column, and return the element for its options."""
    field = ElementTree.SubElement(fields, "field", name=name)
    widget = ElementTree.SubElement(field, "editWidget", type=kind)
    return ElementTree.SubElement(ElementTree.SubElement(widget, "config"), "Option", type="Map")


def _text_options(parent: ElementTree.Element, values: Mapping[str, str]) -> None:
    for name, value in values.items():
        ElementTree.SubElement(parent, "Option", type="QString", name=name, value=value)
