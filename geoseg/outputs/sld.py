"""Styles in the open formats: OGC SLD 1.0 for map servers, and Mapbox style JSON for web maps."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from pydantic import JsonValue

from geoseg.outputs.layer import Layer
from geoseg.outputs.styles import FILL_ALPHA, View

_SLD, _OGC = "http://www.opengis.net/sld", "http://www.opengis.net/ogc"
for _prefix, _uri in (("sld", _SLD), ("ogc", _OGC)):
    ElementTree.register_namespace(_prefix, _uri)


def sld_text(layer: Layer, view: View) -> str:
    """Return a style as OGC SLD 1.0.0 (02-070): one rule for each class, or an outline."""
    root = ElementTree.Element(f"{{{_SLD}}}StyledLayerDescriptor", version="1.0.0")
    named = _add(root, "NamedLayer")
    _add(named, "Name", layer.name)
    style = _add(named, "UserStyle")
    _add(style, "Title", view.description)
    rules = _add(style, "FeatureTypeStyle")
    if not view.classes:
        _symbol(_add(rules, "Rule"), layer, None)
    for spec in view.classes:
        rule = _add(rules, "Rule")
        _add(rule, "Name", str(spec.value))
        _add(rule, "Title", spec.label)
        equal = ElementTree.SubElement(
            ElementTree.SubElement(rule, f"{{{_OGC}}}Filter"), f"{{{_OGC}}}PropertyIsEqualTo"
        )
        ElementTree.SubElement(equal, f"{{{_OGC}}}PropertyName").text = view.column
        ElementTree.SubElement(equal, f"{{{_OGC}}}Literal").text = str(spec.value)
        _symbol(rule, layer, spec.colour)
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _symbol(rule: ElementTree.Element, layer: Layer, colour: str | None) -> None:
    """Add the symbol of a class; None: an outline without fill."""
    if layer.shape == "point":
        graphic = _add(_add(rule, "PointSymbolizer"), "Graphic")
        mark = _add(graphic, "Mark")
        _add(mark, "WellKnownName", "circle")
        _parameters(_add(mark, "Fill"), {"fill": colour or "#3c3c3c"})
        _add(graphic, "Size", "9")
        return
    symbol = _add(rule, "PolygonSymbolizer")
    if colour is not None:
        _parameters(_add(symbol, "Fill"), {"fill": colour, "fill-opacity": f"{FILL_ALPHA / 255:.2f}"})
    _parameters(_add(symbol, "Stroke"), {"stroke": colour or "#3c3c3c", "stroke-width": "1"})


def _parameters(parent: ElementTree.Element, values: dict[str, str]) -> None:
    for name, value in values.items():
        _add(parent, "CssParameter", value).set("name", name)


def _add(parent: ElementTree.Element, tag: str, text: str = "") -> ElementTree.Element:
    element = ElementTree.SubElement(parent, f"{{{_SLD}}}{tag}")
    element.text = text or None
    return element


def mapbox_style(layer: Layer, view: View, output: Path) -> dict[str, JsonValue]:
    """Return a style of the Mapbox style specification, version 8, as MapLibre reads it.

    The source is the map itself, where web maps read it (GeoJSON, PMTiles); for other formats it is a vector
    source of the same name, whose address the user sets.
    """
    source: dict[str, JsonValue] = {
        "type": "vector",
        "url": f"pmtiles://{output.with_suffix('.pmtiles').name}",
    }
    if output.suffix.lower() in {".geojson", ".json"}:
        source = {"type": "geojson", "data": output.name}
    drawn: dict[str, JsonValue] = {"source": layer.name}
    if source["type"] == "vector":
        drawn["source-layer"] = layer.name
    colour: JsonValue = "#3c3c3c"
    if view.classes:
        pairs: list[JsonValue] = [part for spec in view.classes for part in (spec.value, spec.colour)]
        colour = ["match", ["get", view.column], *pairs, "#3c3c3c"]
    layers: list[JsonValue] = [
        {**drawn, "id": f"{layer.name}-fill", "type": "fill",
         "paint": {"fill-color": colour, "fill-opacity": round(FILL_ALPHA / 255, 2)}},
        {**drawn, "id": f"{layer.name}-line", "type": "line",
         "paint": {"line-color": colour, "line-width": 1}},
    ]  # fmt: skip
    if layer.shape == "point":
        layers = [
            {**drawn, "id": f"{layer.name}-circle", "type": "circle",
             "paint": {"circle-color": colour, "circle-radius": 5}}
        ]  # fmt: skip
    legend: dict[str, JsonValue] = {str(spec.value): spec.label for spec in view.classes}
    return {
        "version": 8,
        "name": view.description,
        "metadata": {"geoseg:legend": legend},
        "sources": {layer.name: source},
        "layers": layers,
    }
