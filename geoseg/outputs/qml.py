"""Parts of QGIS layer styles (QML) beside the symbols: labels, map tips, dates, aliases, lists of values.

Elements and attributes are those that QGIS 3.22 writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from geoseg.outputs.columns import text_of
from geoseg.outputs.layer import SCENE_LAYER, Layer
from geoseg.spec import ClassSpec

if TYPE_CHECKING:
    from geoseg.outputs.styles import StyleFacts

_HEADER = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"

LEAST_LABELLED = "10"
"""Millimetres on the map: smaller polygons have no label."""

_AREA = (
    'CASE WHEN "area_m2" >= 1e6 THEN format_number("area_m2" / 1e6, 2) || \' km²\' '
    'WHEN "area_m2" >= 1e4 THEN format_number("area_m2" / 1e4, 2) || \' ha\' '
    "ELSE format_number(\"area_m2\", 0) || ' m²' END"
)
"""QGIS expression of an area for reading; NULL without an area."""

_FIXED, _INSTANT, _INTERVAL = "0", "1", "2"
"""Modes of `QgsVectorLayerTemporalProperties`: a fixed range, one column, two columns."""


def qml_text(document: ElementTree.Element) -> str:
    """Return a style as text."""
    ElementTree.indent(document, " ")
    return _HEADER + ElementTree.tostring(document, encoding="unicode") + "\n"


def temporal(document: ElementTree.Element, layer: Layer, facts: StyleFacts) -> None:
    """Add the time of the features, by which the time controller of QGIS filters; off if it is unknown."""
    mode, start, end = _FIXED, "", ""
    if layer.name == SCENE_LAYER:
        mode, start = _INSTANT, "acquired"
    elif "date_before" in layer.schema:
        mode, start, end = _INTERVAL, "date_before", "date_after"
    known = facts.dated if start else facts.day is not None
    element = ElementTree.SubElement(
        document,
        "temporal",
        enabled="1" if known else "0",
        mode=mode,
        startField=start,
        endField=end,
        fixedDuration="1" if mode == _INSTANT else "0",
        durationUnit="d",
        durationField="",
        accumulate="0",
        limitMode="0",
        startExpression="",
        endExpression="",
    )
    fixed = ElementTree.SubElement(element, "fixedRange")
    day = facts.day.isoformat() if facts.day is not None and mode == _FIXED else ""
    ElementTree.SubElement(fixed, "start").text = f"{day}T00:00:00Z" if day else ""
    ElementTree.SubElement(fixed, "end").text = f"{day}T23:59:59Z" if day else ""


def set_instant(document: ElementTree.Element, column: str) -> None:
    """Filter the features of a style by a column of times, where it has one day for all of them or none."""
    for element in document.iterfind("temporal"):
        if element.get("mode") == _FIXED:
            element.attrib.update(enabled="1", mode=_INSTANT, startField=column, fixedDuration="1")
            for day in element.iterfind("fixedRange/*"):
                day.text = ""


def labelling(document: ElementTree.Element, layer: Layer) -> None:
    """Add labels: the source rate of plumes, class and area of other polygons that are large enough."""
    labels = ElementTree.SubElement(document, "labeling", type="simple")
    settings = ElementTree.SubElement(labels, "settings", calloutType="simple")
    style = ElementTree.SubElement(
        settings,
        "text-style",
        fieldName=label_expression(layer),
        isExpression="1",
        fontSize="9",
        fontSizeUnit="Point",
        textColor="33,37,41,255",
        textOpacity="1",
        multilineHeight="1",
    )
    ElementTree.SubElement(
        style,
        "text-buffer",
        bufferDraw="1",
        bufferSize="0.6",
        bufferSizeUnits="MM",
        bufferColor="255,255,255,255",
        bufferOpacity="0.9",
    )
    ElementTree.SubElement(settings, "text-format", multilineAlign="1")
    is_point, is_plume = layer.shape == "point", "rate_kg_h" in layer.schema
    # Around a point, and around the centre of plumes, which are narrow; in other polygons horizontally.
    placement = "6" if is_point else "0" if is_plume else "4"
    ElementTree.SubElement(settings, "placement", placement=placement, dist="1", distUnits="MM", priority="5")
    small = is_point or is_plume
    ElementTree.SubElement(
        settings,
        "rendering",
        drawLabels="1",
        minFeatureSize="0" if small else LEAST_LABELLED,
        obstacle="1",
        displayAll="0",
        scaleVisibility="0",
        limitNumLabels="1",
        maxNumLabels="500",
    )


def label_expression(layer: Layer) -> str:
    """Return the label of a feature as a QGIS expression."""
    if "rate_kg_h" in layer.schema:
        return 'coalesce(format_number("rate_kg_h", 0) || \' kg/h\', "label")'
    if "from_class" in layer.schema or "area_m2" not in layer.schema:
        return '"label"'
    return f"concat(\"label\", '\\n' || ({_AREA}))"


def fields(document: ElementTree.Element, layer: Layer, values: Mapping[str, tuple[ClassSpec, ...]]) -> None:
    """Add an alias for each column, and lists of values for columns of classes."""
    configuration = ElementTree.SubElement(document, "fieldConfiguration")
    for name, classes in values.items():
        field = ElementTree.SubElement(configuration, "field", name=name, configurationFlags="None")
        widget = ElementTree.SubElement(field, "editWidget", type="ValueMap")
        config = ElementTree.SubElement(widget, "config")
        options = ElementTree.SubElement(config, "Option", type="Map")
        listed = ElementTree.SubElement(options, "Option", name="map", type="List")
        for spec in classes:
            entry = ElementTree.SubElement(listed, "Option", type="Map")
            ElementTree.SubElement(entry, "Option", type="QString", name=spec.label, value=str(spec.value))
    aliases = ElementTree.SubElement(document, "aliases")
    for index, name in enumerate(layer.schema, start=1):
        ElementTree.SubElement(aliases, "alias", field=name, index=str(index), name=text_of(name).alias)
    shown = "sensor" if layer.name == SCENE_LAYER else "label"
    if shown in layer.schema:
        ElementTree.SubElement(document, "previewExpression").text = f'"{shown}"'


def map_tip(document: ElementTree.Element, layer: Layer) -> None:
    """Add a table of the columns, which QGIS shows under the pointer."""
    lines = []
    for name, kind in layer.schema.items():
        if name in {"class", "label", "from_class", "to_class", "type"}:
            continue
        shown = f'"{name}"'
        if name == "area_m2":
            shown = _AREA
        elif kind == "float":
            shown = f'format_number("{name}", 2)'
        elif kind == "int":
            shown = f'format_number("{name}", 0)'
        title = text_of(name).title if name == "area_m2" else text_of(name).alias
        lines.append(f"<tr><td>{escape(title)}&nbsp;</td><td>[% coalesce({shown}, '–') %]</td></tr>")
    heading = '<b>[% "label" %]</b>' if "label" in layer.schema else "<b>Scene</b>"
    ElementTree.SubElement(document, "mapTip").text = f"{heading}<table>{''.join(lines)}</table>"
