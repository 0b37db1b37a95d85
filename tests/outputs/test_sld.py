"""Styles in open formats: every class has its colour."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from geoseg.errors import UsageError
from geoseg.outputs.layer import Layer
from geoseg.outputs.sld import check_style, style_text
from geoseg.outputs.styles import StyleFacts
from geoseg.spec import ClassSpec

NS = {"sld": "http://www.opengis.net/sld", "ogc": "http://www.opengis.net/ogc"}


@pytest.fixture(params=["polygon", "point"])
def layer(request: pytest.FixtureRequest, classes: tuple[ClassSpec, ...]) -> Layer:
    return Layer(name="flood", schema={"class": "int"}, classes=classes[1:], crs=None, shape=request.param)


def test_sld_has_a_rule_for_each_class(layer: Layer) -> None:
    root = ElementTree.fromstring(style_text(Path("s.sld"), layer, StyleFacts(), Path("m.gpkg")))
    rules = root.findall(".//sld:Rule", NS)
    assert [rule.findtext("sld:Title", None, NS) for rule in rules] == [item.label for item in layer.classes]
    for rule, spec in zip(rules, layer.classes, strict=True):
        assert rule.findtext(".//ogc:PropertyName", None, NS) == "class"
        assert rule.findtext(".//ogc:Literal", None, NS) == str(spec.value)
        assert rule.findtext(".//sld:CssParameter[@name='fill']", None, NS) == spec.colour


@pytest.mark.parametrize(
    ("output", "kind"), [("map.geojson", "geojson"), ("map.pmtiles", "vector"), ("map.gpkg", "vector")]
)
def test_mapbox_style_matches_classes(layer: Layer, output: str, kind: str) -> None:
    style = json.loads(style_text(Path("s.json"), layer, StyleFacts(), Path(output)))
    assert style["version"] == 8
    assert style["sources"]["flood"]["type"] == kind
    paint = next(iter(style["layers"][0]["paint"].values()))
    assert paint[:2] == ["match", ["get", "class"]]
    assert dict(zip(paint[2:-1:2], paint[3::2], strict=True)) == {
        spec.value: spec.colour for spec in layer.classes
    }
    assert all(("source-layer" in item) == (kind == "vector") for item in style["layers"])


def test_other_formats_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\.sld .* or \.json"):
        check_style(Path("style.qml"))
