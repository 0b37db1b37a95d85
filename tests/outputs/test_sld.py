"""Styles in open formats: every class has its colour."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from geoseg.outputs.layer import Layer
from geoseg.outputs.sld import mapbox_style, sld_text
from geoseg.outputs.styles import StyleFacts, View, views_of
from geoseg.spec import ClassSpec

NS = {"sld": "http://www.opengis.net/sld", "ogc": "http://www.opengis.net/ogc"}


@pytest.fixture(params=["polygon", "point"])
def layer(request: pytest.FixtureRequest, classes: tuple[ClassSpec, ...]) -> Layer:
    return Layer(name="flood", schema={"class": "int"}, classes=classes[1:], crs=None, shape=request.param)


@pytest.fixture
def view(layer: Layer) -> View:
    return views_of(layer, StyleFacts())[0]


def test_sld_has_a_rule_for_each_class(layer: Layer, view: View) -> None:
    root = ElementTree.fromstring(sld_text(layer, view))
    rules = root.findall(".//sld:Rule", NS)
    assert [rule.findtext("sld:Title", None, NS) for rule in rules] == [item.label for item in layer.classes]
    for rule, spec in zip(rules, layer.classes, strict=True):
        assert rule.findtext(".//ogc:PropertyName", None, NS) == "class"
        assert rule.findtext(".//ogc:Literal", None, NS) == str(spec.value)
        assert rule.findtext(".//sld:CssParameter[@name='fill']", None, NS) == spec.colour


@pytest.mark.parametrize(
    ("output", "kind"), [("map.geojson", "geojson"), ("map.pmtiles", "vector"), ("map.gpkg", "vector")]
)
def test_mapbox_style_matches_classes(layer: Layer, view: View, output: str, kind: str) -> None:
    style: dict[str, Any] = json.loads(json.dumps(mapbox_style(layer, view, Path(output))))
    assert style["version"] == 8
    assert style["sources"]["flood"]["type"] == kind
    paint = next(iter(style["layers"][0]["paint"].values()))
    assert paint[:2] == ["match", ["get", "class"]]
    assert dict(zip(paint[2:-1:2], paint[3::2], strict=True)) == {
        spec.value: spec.colour for spec in layer.classes
    }
    assert all(("source-layer" in item) == (kind == "vector") for item in style["layers"])
