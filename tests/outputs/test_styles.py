"""Styles and colour tables from the list of classes."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from geoseg.outputs.layer import Layer
from geoseg.outputs.styles import FILL_ALPHA, StyleFacts, colour_table, layer_qml, rgb, views_of
from geoseg.spec import ClassSpec

colours = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")
labels = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=20)
lists = st.lists(
    st.builds(ClassSpec, value=st.integers(0, 254), label=labels, colour=colours),
    min_size=1,
    max_size=6,
    unique_by=lambda spec: spec.value,
)


@given(lists)
def test_every_class_drawn_has_its_category_and_colour(classes: list[ClassSpec]) -> None:
    layer = Layer(name="map", schema={"class": "int", "label": "text"}, classes=tuple(classes), crs=None)
    (view,) = views_of(layer, StyleFacts())
    document = ElementTree.fromstring(layer_qml(layer, view, StyleFacts()))
    categories = list(document.iter("category"))
    assert [(c.get("value"), c.get("label")) for c in categories] == [
        (str(spec.value), spec.label) for spec in classes
    ]
    symbols = {symbol.get("name"): symbol for symbol in document.iter("symbol")}
    for category, spec in zip(categories, classes, strict=True):
        options = {o.get("name"): o.get("value") for o in symbols[category.get("symbol")].iter("Option")}
        assert options["color"] == ",".join(map(str, (*rgb(spec.colour), FILL_ALPHA)))


@given(lists)
def test_colour_tables_hold_every_class_and_show_nothing_where_nothing_was_seen(
    classes: list[ClassSpec],
) -> None:
    table = colour_table(classes)
    assert table.pop(255)[3] == 0
    assert {value: f"#{r:02x}{g:02x}{b:02x}" for value, (r, g, b, _) in table.items()} == {
        spec.value: spec.colour for spec in classes
    }
