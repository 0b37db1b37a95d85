"""QGIS styles (QML) and raster colour tables of a list of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from xml.etree import ElementTree

from geoseg.outputs.columns import categories_of
from geoseg.outputs.layer import SCENE_LAYER, Layer, Shape
from geoseg.outputs.qml import fields, labelling, map_tip, qml_text, temporal
from geoseg.outputs.words import dates_of, day_of
from geoseg.pixels import class_dtype, nodata_class
from geoseg.run_record import RunRecord
from geoseg.spec import ClassSpec

FILL_ALPHA = 140
"""Opacity of polygons, 0..255; their outlines are opaque."""
SCORE_COLOURS = ("#f7fbff", "#c6dbef", "#6baed6", "#2171b5", "#08306b")
"""Colours of scores from 0 to 1 (ColorBrewer Blues)."""


def rgb(colour: str) -> tuple[int, int, int]:
    """Split `#rrggbb` into 0..255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def colour_table(classes: Sequence[ClassSpec]) -> dict[int, tuple[int, int, int, int]]:
    """Return RGBA by class value; unobserved pixels are transparent."""
    table = {spec.value: (*rgb(spec.colour), 255) for spec in classes}
    return {**table, nodata_class(class_dtype(table)): (0, 0, 0, 0)}


MANY = 24
"""Number of classes above which styles and lists of values have only the classes of the map."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleFacts:
    """What the styles of a map need to know beyond its layers."""

    present: frozenset[int] = frozenset()
    """Values of the classes of the map, by the column `class`."""
    dated: bool = False
    """Whether the column of the layer's date has a value."""
    day: date | None = None
    """Day of the map, for layers without dates; None: unknown."""


def style_facts(record: RunRecord, *, dated: bool = False) -> StyleFacts:
    """Return what the styles of a map need to know.

    Args:
        record: of the run.
        dated: whether the column of the layer's date has a value.
    """
    dates = dates_of(record)
    return StyleFacts(
        present=frozenset(item.value for item in record.classes if item.polygons),
        dated=dated,
        day=day_of(dates[-1]) if dates else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One way to colour a layer."""

    name: str
    column: str
    """Column of class values; empty: an outline."""
    classes: tuple[ClassSpec, ...]
    description: str


def views_of(layer: Layer, facts: StyleFacts) -> list[View]:
    """Return the ways to colour a layer, the default first."""
    if layer.name == SCENE_LAYER:
        return [View(name=layer.name, column="", classes=(), description="Outline of the scene")]
    named = {"class": "classes", "type": "types of change", "from_class": "before", "to_class": "after"}
    if "from_class" in layer.schema:
        named["class"] = "transitions"
    views = []
    for column, classes in sorted(
        categories_of(layer).items(), key=lambda item: (item[0] != layer.styled_by, item[0])
    ):
        # The map may hold few of many transitions.
        listed = listed_classes(classes, facts.present if column == "class" else frozenset())
        way = named.get(column, column)
        views.append(
            View(
                name=layer.name if column == layer.styled_by else f"{layer.name} by {way}",
                column=column,
                classes=listed,
                description=f"{layer.name}: {way}",
            )
        )
    return views


def listed_classes(classes: Sequence[ClassSpec], present: frozenset[int]) -> tuple[ClassSpec, ...]:
    """Return the classes of a style or a list of values; of many, only those of the map."""
    if len(classes) <= MANY or not present:
        return tuple(classes)
    return tuple(item for item in classes if item.value in present)


def layer_qml(layer: Layer, view: View, facts: StyleFacts) -> str:
    """Return a QGIS style of a layer: colours, labels, map tips, dates, aliases and lists of values."""
    document = ElementTree.Element(
        "qgis",
        version="3.22.0",
        styleCategories="Symbology|Labeling|Fields|Forms|MapTips|Temporal",
        labelsEnabled="0" if layer.name == SCENE_LAYER else "1",
    )
    temporal(document, layer, facts)
    if view.column:
        _categorised(document, view.classes, view.column, layer.shape)
    else:
        # A dark outline without fill.
        renderer = ElementTree.SubElement(document, "renderer-v2", type="singleSymbol", symbollevels="0")
        symbols = ElementTree.SubElement(renderer, "symbols")
        _fill(symbols, name="0", color="0,0,0,0", outline_color="60,60,60,255", style="no")
    if layer.name != SCENE_LAYER:
        labelling(document, layer)
    fields(
        document,
        layer,
        {
            name: listed_classes(classes, facts.present if name == "class" else frozenset())
            for name, classes in categories_of(layer).items()
        },
    )
    map_tip(document, layer)
    return qml_text(document)


def class_raster_qml(classes: Sequence[ClassSpec]) -> str:
    """Return a QGIS style of a class raster: colours and labels of the classes."""
    document = ElementTree.Element("qgis", version="3.22.0", styleCategories="Symbology")
    pipe = ElementTree.SubElement(document, "pipe")
    renderer = ElementTree.SubElement(
        pipe, "rasterrenderer", type="paletted", band="1", opacity="1", alphaBand="-1"
    )
    palette = ElementTree.SubElement(renderer, "colorPalette")
    for spec in classes:
        ElementTree.SubElement(
            palette, "paletteEntry", value=str(spec.value), color=spec.colour, label=spec.label, alpha="255"
        )
    return qml_text(document)


def score_raster_qml() -> str:
    """Return a QGIS style of a score raster: a ramp of one hue from 0 to 1."""
    document = ElementTree.Element("qgis", version="3.22.0", styleCategories="Symbology")
    pipe = ElementTree.SubElement(document, "pipe")
    renderer = ElementTree.SubElement(
        pipe,
        "rasterrenderer",
        type="singlebandpseudocolor",
        band="1",
        opacity="1",
        alphaBand="-1",
        classificationMin="0",
        classificationMax="1",
    )
    shader = ElementTree.SubElement(renderer, "rastershader")
    ramp = ElementTree.SubElement(
        shader, "colorrampshader", colorRampType="INTERPOLATED", clip="0", minimumValue="0", maximumValue="1"
    )
    for at, colour in enumerate(SCORE_COLOURS):
        value = at / (len(SCORE_COLOURS) - 1)
        ElementTree.SubElement(
            ramp, "item", value=f"{value:g}", label=f"{value:g}", color=colour, alpha="255"
        )
    return qml_text(document)


def _categorised(
    document: ElementTree.Element, classes: Sequence[ClassSpec], column: str, shape: Shape
) -> None:
    """Add one category for each class, by a column of values."""
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
