"""Style files: the suffix selects the format, and a map may have several."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from geoseg.errors import UsageError
from geoseg.outputs.layer import Layer
from geoseg.outputs.style_files import FORMATS, check_styles, style_texts
from geoseg.outputs.styles import StyleFacts
from geoseg.spec import ClassSpec


def test_each_suffix_has_its_format(classes: tuple[ClassSpec, ...]) -> None:
    layer = Layer(name="flood", schema={"class": "int"}, classes=classes[1:], crs=None)
    paths = [Path(f"s{suffix}") for suffix in FORMATS]
    texts = style_texts(paths, layer, StyleFacts(), Path("m.geojson"))
    assert list(texts) == paths
    assert ElementTree.fromstring(texts[Path("s.qml")]).tag == "qgis"
    assert ElementTree.fromstring(texts[Path("s.sld")]).tag.endswith("StyledLayerDescriptor")
    assert json.loads(texts[Path("s.json")])["version"] == 8


def test_other_formats_are_refused() -> None:
    check_styles([Path("a.QML"), Path("a.sld")])
    with pytest.raises(UsageError, match=r"\.qml \(QGIS\), \.sld .* or \.json"):
        check_styles([Path("a.sld"), Path("style.lyr")])
