"""The picture of a map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from geoseg.engine.preview import rasterise
from geoseg.errors import OutputError
from geoseg.outputs.picture import area_text, draw_picture, round_length
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
            background=background,
            labels=labels,
            classes=classes[1:],
            title="Flood, São Paulo",
            caption="Sentinel-1 — VH ≤ −18 dB",
            areas_m2={1: 5e6, 2: None},
            pixel_size_m=10.0,
            beside=beside,
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
                background=np.linspace(-1, 2, 120, dtype=np.float32).reshape(40, 3),
                labels=labels,
                classes=classes,
                title="x" * 500,
                caption="word " * 300,
                pixel_size_m=size,
                beside=beside,
            )
    with Image.open(path) as image:
        assert image.format == "PNG"


def test_long_labels_are_not_cut(tmp_path: Path) -> None:
    def width(*labels: str) -> int:
        path = tmp_path / "map.png"
        specs = [ClassSpec(value=1 + n, label=label, colour="#d7191c") for n, label in enumerate(labels)]
        with together(path, overwrite=True) as beside:
            draw_picture(
                path,
                background=np.zeros((40, 40)),
                labels=np.zeros((40, 40), np.uint8),
                classes=specs,
                title="",
                caption="",
                beside=beside,
            )
        with Image.open(path) as image:
            return image.width

    assert width("water") == width()
    assert width("water", "dense vegetation -> sparse vegetation") > width() + 50
    assert width("x" * 500) == width("x" * 400)


def test_a_legend_says_how_many_classes_it_leaves_out(tmp_path: Path) -> None:
    inked = []
    for unlisted in (0, 1, 12):
        path = tmp_path / f"{unlisted}.png"
        with together(path) as beside:
            draw_picture(
                path,
                background=np.full((3, 200, 300), 0.2, np.float32),
                labels=np.zeros((200, 300), np.uint8),
                classes=[ClassSpec(value=1, label="a → b", colour="#ff0000")],
                unlisted=unlisted,
                title="Change",
                caption="",
                beside=beside,
            )
        with Image.open(path) as image:
            grey = np.asarray(image).astype(int)
        inked.append(int((np.abs(grey - (108, 117, 125)).max(axis=2) < 60).sum()))
    assert inked[0] < inked[1] < inked[2]


def test_what_does_not_fit_is_refused(tmp_path: Path, classes: tuple[ClassSpec, ...]) -> None:
    labels = np.zeros((4, 4), np.uint8)
    path = tmp_path / "a.png"
    with pytest.raises(OutputError, match="differ in size"), together(path) as beside:
        draw_picture(
            path,
            background=np.zeros((4, 5)),
            labels=labels,
            classes=classes,
            title="",
            caption="",
            beside=beside,
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
