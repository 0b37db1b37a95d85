"""A report as text, as files, and as one page that needs nothing else."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from geoseg.errors import OutputError
from geoseg.outputs.report import (
    NO_CHARTS,
    Chart,
    Column,
    Picture,
    Report,
    Section,
    Series,
    Table,
    json_value,
    to_html,
    to_text,
    write,
)

NASTY = "<script>alert('a & b')</script>"
TABLE = Table(
    title="Areas",
    columns=[Column("class"), Column("area", unit="ha", form=",.1f"), Column("n")],
    rows=[("water", 1234.56, 7), (NASTY, math.nan, None)],
)
CHART = Chart(
    title="Rates", x_label="x", y_label="y", series=[Series(name="a", points=[(1, 2), (math.nan, 3)])]
)
BARE = replace(CHART, title="Nothing", series=[Series(name="a", points=[(1, math.nan)])])


def report() -> Report:
    return Report(
        title="Of & on",
        summary="One thing was measured",
        facts={"map": NASTY},
        warnings=["Doubtful"],
        sections=[
            Section(
                title="First",
                tables=[TABLE, replace(TABLE, title="Empty", rows=[])],
                charts=[CHART, BARE],
                pictures=[Picture(png=b"\x89PNG", caption="Scene <1>")],
            )
        ],
        notes=["A footnote"],
        data={"n": 7, "score": None},
        csv={"areas.csv": TABLE},
    )


class Page(HTMLParser):
    """Texts by element, addresses, and elements that are not closed in order."""

    VOID = frozenset({"meta", "img", "br", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.images: list[tuple[str, str]] = []
        self.addresses: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.addresses += [value for name, value in named.items() if name in {"src", "href", "srcset"}]
        if tag == "img":
            self.images.append((named["src"].split(",")[0], named["alt"]))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.texts.setdefault(self.open[-1], []).append(data.strip())


def test_the_page_is_whole_and_escaped() -> None:
    page = Page(to_html(report()))
    assert page.open == []
    assert "script" not in page.texts
    assert page.texts["h1"] == page.texts["title"] == ["Of & on"]
    assert page.texts["th"] == ["class", "area", "n"]
    assert "ha" in page.texts["span"]
    assert page.texts["td"] == ["water", "1,234.6", "7", NASTY, "–", "–"]
    assert page.texts["dd"] == [NASTY]
    assert page.texts["h3"] == ["Areas"]
    assert {"One thing was measured", "Warning: Doubtful", "A footnote"} <= set(page.texts["p"])


def test_the_page_needs_no_network() -> None:
    text = to_html(report())
    page = Page(text)
    assert len(page.addresses) == 2
    assert all(address.startswith("data:") for address in page.addresses)
    assert "default-src 'none'" in text
    assert "@import" not in text


def test_charts_and_pictures_are_in_the_page() -> None:
    pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
    assert Page(to_html(report())).images == [
        ("data:image/svg+xml;base64", "Chart: Rates"),
        ("data:image/png;base64", "Scene <1>"),
    ]


def test_without_matplotlib_the_page_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert report().lacks_charts
    page = Page(to_html(report()))
    assert [kind for kind, _ in page.images] == ["data:image/png;base64"]
    assert NO_CHARTS in page.texts["p"]
    bare = replace(report(), sections=[Section(charts=[BARE])])
    assert not bare.lacks_charts
    assert "geoseg[report]" not in to_html(bare)


def test_text_has_aligned_columns() -> None:
    assert to_text(report()).splitlines() == [
        "One thing was measured",
        "",
        "First",
        "",
        "Areas",
        "",
        "  class                            area (ha)  n",
        "  water                              1,234.6  7",
        f"  {NASTY}          –  –",
        "",
        "A footnote",
    ]


def test_long_text_rows_are_not_wrapped() -> None:
    table = Table(columns=[Column("a"), Column("b")], rows=[("x" * 300, "[red]y[/]")])
    assert table.to_text().splitlines()[1] == "  " + "x" * 300 + "  [red]y[/]"


def test_csv_has_unformatted_numbers() -> None:
    assert TABLE.to_csv().splitlines() == ["class,area,n", "water,1234.56,7", f"{NASTY},nan,"]


def test_files(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    paths = write(report(), folder, overwrite=False)
    assert [path.name for path in paths] == ["report.html", "scores.json", "areas.csv"]
    assert sorted(folder.iterdir()) == sorted(paths)
    assert json.loads(paths[1].read_text()) == {"n": 7, "score": None}
    before = [path.read_bytes() for path in paths]
    with pytest.raises(OutputError, match="--overwrite"):
        write(replace(report(), title="Other"), folder, overwrite=False)
    assert [path.read_bytes() for path in paths] == before
    with pytest.raises(ValueError, match="JSON"):
        write(replace(report(), title="Other", data={"n": math.nan}), folder)
    assert [path.read_bytes() for path in paths] == before


def test_values_of_json() -> None:
    value = {"a": (1, 2.123456789, math.nan, -math.inf), "b": {"c": None, "d": "e", "f": np.float64(0.5)}}
    assert json_value(value) == {"a": [1, 2.12346, None, None], "b": {"c": None, "d": "e", "f": 0.5}}
    assert json_value(2.123456789, None) == 2.123456789
    with pytest.raises(TypeError, match="ndarray"):
        json_value({"a": np.zeros(2)})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("give `--min-area 0` & more", "give <code>--min-area 0</code> &amp; more"),
        ("`a<b>`", "<code>a&lt;b&gt;</code>"),
        ("one ` alone <", "one ` alone &lt;"),
    ],
)
def test_options_in_messages_are_code(text: str, shown: str) -> None:
    assert f"<p>Warning: {shown}</p>" in to_html(Report(title="t", summary="", data={}, warnings=[text]))
