"""Reports of maps: one file that asks for nothing, and one printed page; opened in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from PIL import Image
from pyproj import CRS

from geoseg.engine.drawing import place_of
from geoseg.engine.map_report import place_of_map, rate_facts, write_report
from geoseg.features import Features
from geoseg.grid import Grid
from geoseg.outputs import Layer, companions, open_layers
from geoseg.outputs.layer import Kind
from geoseg.outputs.map_sheet import MOST_POINTS, MOST_SHAPES, svg_paths
from geoseg.outputs.picture import MapPicture
from geoseg.run_record import ClassTotal, RunRecord, RunWarning
from geoseg.spec import ClassSpec
from tests.classmaps import UTM
from tests.together import together

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)"
)

GRID = Grid(crs=UTM, transform=Affine(10, 0, 500_000, 0, -10, 5_001_000), height=100, width=200)
Write = Callable[..., Path]


@pytest.fixture
def write(
    tmp_path: Path,
    classes: tuple[ClassSpec, ...],
    schema: dict[str, Kind],
    make_features: Callable[[int], Features],
    footprint: Features,
    record: RunRecord,
) -> Write:
    """Write a map of so many squares with its report; return the report."""

    def write_map(count: int, suffix: str = ".gpkg", **changes: object) -> Path:
        path, page = tmp_path / f"map{suffix}", tmp_path / "map.html"
        made = record.model_copy(update=changes)
        known = {item.value: item.colour for item in classes}
        listed = [
            ClassSpec(value=item.value, label=item.label, colour=known.get(item.value, "#777777"))
            for item in made.classes
        ]
        with together(path, page, *companions(path), overwrite=True) as beside:
            sink = open_layers(
                path, [Layer(name="flood", schema=schema, classes=tuple(classes), crs=UTM)], beside=beside
            )
            sink.write(make_features(count))
            sink.finish(made, footprint)
            labels = np.zeros((100, 200), np.uint8)
            labels[20:60, 20:120] = 1
            picture = MapPicture(
                background=np.full((100, 200), 0.5),
                labels=labels,
                classes=listed,
                areas_m2={item.value: item.area_m2 for item in made.classes},
                totals=made.classes,
                place=place_of(GRID, 1.0),
                pixel_m=10.0,
            )
            write_report(page, picture, made, GRID, sink, beside)
        return page

    return write_map


class Links(HTMLParser):
    """Collects the addresses that a page asks for, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "action", "data"}]


MANY_CLASSES = tuple(
    ClassTotal(value=n, label=f"class with a rather long name {n}", polygons=n, pixels=n, area_m2=1e4 * n)
    for n in range(1, 30)
)
MANY_WARNINGS = tuple(
    RunWarning(code="low-sun", text=f"warning {n}: " + "the sun was low and shadows look like water " * 6)
    for n in range(12)
)


@pytest.mark.parametrize("suffix", [".gpkg", ".fgb", ".geojson"])
def test_a_report_is_one_file_and_asks_for_nothing(suffix: str, write: Write, record: RunRecord) -> None:
    text = write(40, suffix).read_text(encoding="utf-8")
    links = Links()
    links.feed(text)
    assert all(address.startswith("data:") for address in links.addresses)
    assert "script-src 'sha256-" in text
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", text)
    for part in (
        "Totals",
        "Method",
        "How to cite",
        "Parameters",
        "Provenance",
        record.method.replace("<", "&lt;"),
    ):
        assert part in text
    assert text.count("<path d=") == 40
    assert "All 2 polygons" not in text


def test_all_classes_are_in_the_table_up_to_sixty(write: Write) -> None:
    text = write(3, classes=MANY_CLASSES).read_text(encoding="utf-8")
    assert text.count("class with a rather long name") >= len(MANY_CLASSES)
    many = tuple(
        ClassTotal(value=n, label=f"kind {n}", polygons=1, pixels=n, area_m2=1.0) for n in range(1, 100)
    )
    text = write(3, classes=many).read_text(encoding="utf-8")
    assert "<td><span style" in text
    assert text.count("</tr>") >= 60
    assert "40 smaller classes" in text
    assert "kind 99" in text
    assert "kind 40<" not in text


@pytest.mark.parametrize(
    ("crs", "x", "place"),
    [(4326, 179.99, "179.99° W"), (4326, -180.03, "179.99° E"), (4326, 9.98, "10.00° E")],
)
def test_the_place_is_a_longitude_within_180_degrees(crs: int, x: float, place: str) -> None:
    grid = Grid(crs=CRS.from_epsg(crs), transform=Affine(1e-2, 0, x, 0, -1e-2, 1), height=80, width=4)
    assert place in place_of_map(grid)


@pytest.mark.parametrize(
    ("plume", "told"),
    [
        ({}, "5,750 kg/h, 95 % interval 3,110 to 9,000 kg/h"),
        (
            {"rate_high": None},
            "5,750 kg/h or more, 95 % interval from 3,110 kg/h; the upper end is not known",
        ),
        ({"rate_low": None, "rate_high": None}, "5,750 kg/h"),
        ({"rate_kg_h": None}, "unknown"),
    ],
)
def test_a_source_rate_is_told_with_what_is_known_of_it(plume: dict[str, object], told: str) -> None:
    suspect = {"class": 2, "rate_kg_h": 9000.0, "rate_low": 1.0, "rate_high": 2.0}
    row = {"class": 1, "rate_kg_h": 5747.07, "rate_low": 3107.5, "rate_high": 8999.9, **plume}
    assert told in rate_facts([suspect, row]).values()


def test_texts_of_users_are_text(write: Write) -> None:
    text = write(3, method="<script>alert(1)</script>").read_text(encoding="utf-8")
    assert "<script>alert" not in text


def test_a_map_without_polygons_has_a_report(write: Write) -> None:
    text = write(0, classes=()).read_text(encoding="utf-8")
    assert "Nothing was mapped" in text


def test_the_size_is_bounded(write: Write) -> None:
    text = write(3 * MOST_SHAPES).read_text(encoding="utf-8")
    assert text.count("<path d=") <= MOST_SHAPES
    assert len(text) < 2**20


def test_the_corners_of_the_pannable_map_are_bounded() -> None:
    angles = np.linspace(0, 2 * np.pi, 2001)[:-1]
    wavy = 40 + 5 * np.sin(angles * 200)
    star = shapely.Polygon(np.stack((50 + wavy * np.cos(angles), 50 + wavy * np.sin(angles)), axis=1))
    paths = svg_paths(np.full(500, star, object), (100, 100))
    assert 1 < len(paths) < 500
    assert sum(path.count("L") for _, path in paths) <= MOST_POINTS


def chromium(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}", *arguments,
        ],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def requests(log: Path) -> list[str]:
    """Return the addresses that pages asked for; what Chromium asks by itself has no page as its origin."""
    events = json.loads(log.read_text(errors="replace"))["events"]
    asked = [event["params"] for event in events if "url" in event.get("params", {})]
    return [
        item["url"]
        for item in asked
        if str(item["url"]).startswith("http") and str(item.get("initiator", "")).startswith(("file", "null"))
    ]


@needs_chromium
def test_a_request_of_a_page_would_be_seen(tmp_path: Path) -> None:
    page, log = tmp_path / "page.html", tmp_path / "net.json"
    page.write_text('<img src="http://127.0.0.1:9/picture.png">')
    chromium(tmp_path, f"--screenshot={tmp_path / 'page.png'}", f"--log-net-log={log}", page.as_uri())
    assert "http://127.0.0.1:9/picture.png" in requests(log)


@needs_chromium
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_the_window_and_sends_no_request(width: int, write: Write, tmp_path: Path) -> None:
    page, log = write(40), tmp_path / "net.json"
    shot = tmp_path / "page.png"
    done = chromium(
        tmp_path, f"--window-size={width},1600", f"--screenshot={shot}", f"--log-net-log={log}",
        "--enable-logging=stderr", page.as_uri(),
    )  # fmt: skip
    assert "Content Security Policy" not in done.stderr
    assert not requests(log)
    with Image.open(shot) as image:
        drawn = np.asarray(image.convert("RGB"))
    assert drawn.shape[1] == width
    assert (np.abs(drawn.astype(int) - (215, 25, 28)).max(axis=2) < 60).sum() > 100


@needs_chromium
def test_a_narrow_page_says_that_the_legend_is_beside_the_map(write: Write, tmp_path: Path) -> None:
    """The frame scrolls, and screens of phones show no scroll bar."""
    page, seen = write(5), []
    text = page.read_text(encoding="utf-8")
    assert text.count("Scroll the map sideways") == 1
    (tmp_path / "without.html").write_text(text.replace("Scroll the map sideways", ""), encoding="utf-8")
    for name in (page.as_uri(), (tmp_path / "without.html").as_uri()):
        shots = []
        for width in (1280, 390):
            shot = tmp_path / f"{width}.png"
            chromium(tmp_path, f"--window-size={width},1600", f"--screenshot={shot}", name)
            shots.append(shot.read_bytes())
        seen.append(shots)
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] != seen[1][1]


@needs_chromium
def test_the_policy_of_the_page_allows_its_script(write: Write, tmp_path: Path) -> None:
    done = chromium(tmp_path, "--enable-logging=stderr", "--dump-dom", write(5).as_uri())
    assert 'class="interactive"' in done.stdout
    assert "Uncaught" not in done.stderr


@needs_chromium
@pytest.mark.parametrize("heavy", [False, True])
def test_it_prints_on_one_page_of_a4(heavy: bool, write: Write, tmp_path: Path) -> None:
    changes = {"classes": MANY_CLASSES, "warnings": MANY_WARNINGS} if heavy else {}
    page, printed = write(40, **changes), tmp_path / "page.pdf"
    chromium(tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={printed}", page.as_uri())
    content = printed.read_bytes()
    assert len(re.findall(rb"/Type\s*/Page[^s]", content)) == 1
    (box,) = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert [round(float(value)) for value in box] == [595, 842]
    text = page.read_text(encoding="utf-8")
    assert ("more warnings: see the report" in text) == heavy
    assert ("smaller classes: see the report" in text) == heavy
