"""The picture of a map."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from geoseg.engine.preview import rasterise
from geoseg.errors import OutputError
from geoseg.outputs.graticule import degree_text, graticule
from geoseg.outputs.lettering import drawable, font, font_for
from geoseg.outputs.map_frame import Floats, Place, ramp, round_length
from geoseg.outputs.picture import MapPicture, area_text, draw_picture, in_proportion, render
from geoseg.outputs.styles import rgb
from geoseg.spec import ClassSpec
from tests.together import together


def test_classes_scene_and_unseen_pixels_have_their_colours(
    tmp_path: Path, classes: tuple[ClassSpec, ...]
) -> None:
    path = tmp_path / "map.png"
    background = np.full((3, 200, 300), 0.2, np.float32)
    background[:, :, :20] = np.nan
    labels = np.zeros((200, 300), np.uint8)
    labels[50:100, 100:200] = 1
    labels[150:] = 255
    with together(path) as beside:
        draw_picture(
            path,
            MapPicture(
                background=background,
                labels=labels,
                classes=classes[1:],
                title="Flood, São Paulo",
                caption="Sentinel-1 — VH ≤ −18 dB",
                areas_m2={1: 5e6, 2: None},
                pixel_m=10.0,
            ),
            beside,
        )
    assert [item.name for item in tmp_path.iterdir()] == ["map.png"]
    with Image.open(path) as file:
        image = np.asarray(file).astype(int)

    def count(colour: tuple[int, int, int], *, within: int = 0) -> int:
        return int((np.abs(image - colour).max(axis=2) <= within).sum())

    red, green, blue = rgb(classes[1].colour)
    assert count((red, green, blue)) > 27 * 19  # the outline, and the legend
    assert count((51, 51, 51)) > 0  # the scene
    assert count(rgb("#dee2e6")) > 0  # not observed
    blend = round((51 + red) / 2), round((51 + green) / 2), round((51 + blue) / 2)
    # Enlarged three times, without the outline.
    assert count(blend, within=1) == (50 * 3 - 2) * (100 * 3 - 2)


def test_grey_scenes_without_ground_size_are_drawn(tmp_path: Path, classes: tuple[ClassSpec, ...]) -> None:
    path = tmp_path / "map.png"
    labels = np.zeros((40, 3), np.uint8)
    for size in (None, float("nan")):
        with together(path, overwrite=True) as beside:
            draw_picture(
                path,
                MapPicture(
                    background=np.linspace(-1, 2, 120, dtype=np.float32).reshape(40, 3),
                    labels=labels,
                    classes=classes,
                    title="x" * 500,
                    caption="word " * 300,
                    pixel_m=size,
                ),
                beside,
            )
    with Image.open(path) as image:
        assert image.format == "PNG"


def sheet(*labels: str, title: str = "") -> Image.Image:
    """Draw a small map with classes of these names."""
    specs = [ClassSpec(value=1 + n, label=label, colour="#d7191c") for n, label in enumerate(labels)]
    blank = np.zeros((40, 40), np.uint8)
    return render(MapPicture(background=np.zeros((40, 40)), labels=blank, classes=specs, title=title))


def test_long_labels_and_titles_take_more_room_and_are_never_cut() -> None:
    assert sheet("water").width == sheet().width
    assert sheet("water", "dense vegetation -> sparse vegetation").width > sheet().width + 50
    many = ["class"] * 60
    assert sheet(*many).height > 60 * 30
    assert sheet(*many[:-1], "word " * 60).height > sheet(*many).height
    assert sheet(*many[:-1], "x" * 400).height > sheet(*many).height
    assert sheet("a", title="long title " * 40).height > sheet("a", title="title").height


def test_the_legend_names_unobserved_pixels_where_there_are_some() -> None:
    background = np.zeros((40, 40))
    labels = np.zeros((40, 40), np.uint8)
    spec = ClassSpec(value=1, label="water", colour="#d7191c")
    whole = render(MapPicture(background=background, labels=labels, classes=[spec] * 40))
    labels[0, 0] = 255
    assert render(MapPicture(background=background, labels=labels, classes=[spec] * 40)).height == (
        whole.height + 32
    )


def test_labels_in_other_scripts_are_drawn_where_the_machine_has_their_letters() -> None:
    assert font_for(["water", "São Paulo"]) == ""
    assert drawable("crop → town") == "crop to town"
    name = font_for(["Вода"])
    face = font(17, name)
    assert drawable("Вода", face) == ("Вода" if name else "????")
    assert drawable("a\U0010fffeb", face) == "a?b"


@pytest.mark.parametrize(("aspect", "shape"), [(1.01, (100, 100)), (2.0, (200, 100)), (0.5, (100, 200))])
def test_pixels_are_drawn_as_they_lie_on_the_ground(aspect: float, shape: tuple[int, int]) -> None:
    drawn = in_proportion(np.zeros((100, 100, 3), np.uint8), aspect)
    assert (drawn.height, drawn.width) == shape
    square = MapPicture(background=np.zeros((100, 100)), labels=np.zeros((100, 100), np.uint8), classes=())
    flat, tall = render(square), render(replace(square, aspect=aspect))
    assert (tall.height > flat.height, tall.width > flat.width) == (False, False)


def test_a_narrow_map_has_no_longitudes_over_each_other() -> None:
    place = Place(lonlat=lambda rows, cols: (10 + cols / 1000, 50 - rows / 1000), north=(0, -1), crs="")
    labels = np.zeros((400, 8), np.uint8)
    sheet = render(MapPicture(background=np.full((400, 8), 0.5), labels=labels, classes=(), place=place))
    # Two longitudes of five fit below 16 px.
    ink = np.asarray(sheet.convert("L"))[-60:-24].min(axis=0) < 140
    assert 0 < ink.sum() < 80


def test_a_picture_has_its_place_panels_and_credits() -> None:
    labels = np.zeros((60, 80), np.uint8)
    grey = np.full((60, 80), 0.5)
    place = Place(
        lonlat=lambda rows, cols: (10 + cols / 1000, 50 - rows / 1000),
        north=(0.0, -1.0),
        crs="WGS 84 (EPSG:4326)",
    )
    alone = render(MapPicture(background=grey, labels=labels, classes=()))
    placed = render(
        MapPicture(
            background=grey, labels=labels, classes=(), place=place, credits=("Data © A",), pixel_m=100.0
        )
    )
    assert placed.height > alone.height
    panels = render(
        MapPicture(
            background=grey, labels=labels, classes=(), place=place,
            panels=(("1 May 2020", grey), ("2 May 2021", grey)),
        )
    )  # fmt: skip
    # Each panel is at least 700 px wide.
    assert panels.width > 3 * 700


def test_a_graticule_has_round_lines_in_the_right_places() -> None:
    place = Place(lonlat=lambda rows, cols: (10 + cols / 1000, 50 - rows / 1000), north=(0.0, -1.0), crs="")
    picture = Image.new("RGB", (800, 600))
    below, left = graticule(picture, place, (60, 80))
    assert [text for _, text in below] == ["10.00° E", "10.02° E", "10.04° E", "10.06° E", "10.08° E"]
    assert [round(along) for along, _ in below[1:]] == [200, 400, 600, 800]
    assert [text for _, text in left] == ["49.94° N", "49.96° N", "49.98° N", "50.00° N"]
    assert [round(along) for along, _ in left] == [600, 400, 200, 0]
    drawn = np.asarray(picture)
    assert drawn[100, 200].min() > 50
    assert drawn[100, 300].max() == 0


def wrapped(lon: Floats) -> Floats:
    return np.asarray((lon + 180) % 360 - 180, np.float64)


def test_a_graticule_crosses_the_antimeridian() -> None:
    place = Place(
        lonlat=lambda rows, cols: (wrapped(179.97 + cols / 1000), 50 - rows / 1000), north=(0, -1), crs=""
    )
    picture = Image.new("RGB", (800, 600))
    below, left = graticule(picture, place, (60, 80))
    assert [text for _, text in below] == ["179.98° E", "180.00°", "179.98° W", "179.96° W"]
    assert [round(along) for along, _ in below] == [100, 300, 500, 700]
    assert len(left) == 4
    drawn = np.asarray(picture)
    assert drawn[100, 300].min() > 50
    assert drawn[100, 400].max() == 0


def test_a_graticule_of_a_pole_has_meridians_to_all_sides() -> None:
    def lonlat(rows: Floats, cols: Floats) -> tuple[Floats, Floats]:
        x, y = cols - 40.5, rows - 40.5
        return np.degrees(np.arctan2(x, y)), 90 - np.hypot(x, y) / 10

    picture = Image.new("RGB", (810, 810))
    below, left = graticule(picture, Place(lonlat=lonlat, north=None, crs=""), (81, 81))
    assert ("0°", 405) in [(text, round(along)) for along, text in below]
    assert [text for _, text in left] == ["84° N", "85° N", "86° N"][: len(left)]
    drawn = np.asarray(picture).max(axis=2)
    assert [drawn[row, col] > 50 for row, col in ((405, 100), (405, 700), (100, 405), (700, 405))] == [
        True
    ] * 4


@pytest.mark.parametrize(("value", "text"), [(-0.5, "0.5° W"), (0.0, "0.0°"), (12.0, "12.0° E")])
def test_degrees_have_their_side(value: float, text: str) -> None:
    assert degree_text(value, "EW", 0.5) == text


def test_the_ramp_grows_lighter_and_keeps_unknown_values() -> None:
    values = np.array([[0.0, 0.25, 0.5, 0.75, 1.0, np.nan]])
    colours = ramp(values)
    assert colours.shape == (3, 1, 6)
    lightness = colours[:, 0, :5].sum(axis=0)
    assert (np.diff(lightness) > 0).all()
    assert np.isnan(colours[:, 0, 5]).all()


def test_what_does_not_fit_is_refused(tmp_path: Path, classes: tuple[ClassSpec, ...]) -> None:
    labels = np.zeros((4, 4), np.uint8)
    path = tmp_path / "a.png"
    with pytest.raises(OutputError, match="differ in size"), together(path) as beside:
        draw_picture(
            path,
            MapPicture(
                background=np.zeros((4, 5)),
                labels=labels,
                classes=classes,
                title="",
                caption="",
            ),
            beside,
        )
    assert not list(tmp_path.iterdir())


def test_polygons_are_drawn_at_the_picture_scale() -> None:
    labels = np.zeros((10, 10), np.uint8)
    rasterise(np.array([shapely.box(20, 40, 60, 50)], object), np.array([2]), out=labels, scale=10)
    expected = np.zeros((10, 10), np.uint8)
    expected[4, 2:6] = 2
    np.testing.assert_array_equal(labels, expected)


@given(st.floats(1e-3, 1e8))
def test_scale_bars_are_round_and_fill_at_least_two_fifths(most: float) -> None:
    length = round_length(most)
    assert 0.399 * most <= length <= most
    assert f"{length:e}"[0] in "125"


@pytest.mark.parametrize(
    ("area", "text"),
    [
        (0, "0 m²"),
        (0.25, "0.25 m²"),
        (912, "912 m²"),
        (45_678, "4.57 ha"),
        (3.21e6, "3.21 km²"),
        (1.5e9, "1,500 km²"),
    ],
)
def test_areas_are_said_in_the_unit_that_fits(area: float, text: str) -> None:
    assert area_text(area) == text
