"""Titles, dates and credits that a person would write."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import JsonValue

from geoseg.outputs.words import (
    citation,
    credits_of,
    day_of,
    day_text,
    licences,
    map_title,
    method_words,
    place_text,
)
from geoseg.run_record import ClassTotal, RunRecord


def made(task: str, *labels: str, inputs: tuple[dict[str, JsonValue], ...], **more: object) -> RunRecord:
    classes = tuple(
        ClassTotal(value=n, label=label, polygons=1, pixels=1, area_m2=1.0) for n, label in enumerate(labels)
    )
    values: dict[str, object] = {
        "geoseg": "1", "task": task, "command": {}, "inputs": inputs, "method": "NDWI > 0",
        "created": "2026-11-30T00:00:00+00:00", "crs": None, "valid_share": 0.956, "classes": classes, **more,
    }  # fmt: skip
    return RunRecord.model_validate(values)


S2: dict[str, JsonValue] = {"sensor": "sentinel-2-l2a", "time": "2024-05-28T10:30:21+00:00", "name": "a"}
LATER: dict[str, JsonValue] = {**S2, "time": "2025-06-01T00:00:00+00:00"}
NAMELESS: dict[str, JsonValue] = {"sensor": None, "time": None, "paths": ["/data/lake.tif"]}


@pytest.mark.parametrize(
    ("record", "title"),
    [
        (made("flood", "water", inputs=(S2,)), "Water, 28 May 2024, Sentinel-2"),
        (
            made(
                "flood", "flood", "permanent water",
                inputs=(S2, LATER), command={"before": [{"paths": ["b"]}]},
            ),
            "Flood and permanent water, 28 May 2024, Sentinel-2",
        ),
        (
            made("flood", "water", inputs=(S2, LATER), command={"before": []}),
            "Water, 1 June 2025, Sentinel-2",
        ),
        (
            made("segment", "crop", inputs=(S2, S2, LATER)),
            "Crop, 28 May 2024 to 1 June 2025, Sentinel-2",
        ),
        (made("change", "x", inputs=(S2, LATER)), "Change, 28 May 2024 to 1 June 2025, Sentinel-2"),
        (
            made(
                "change", "x", inputs=(NAMELESS, NAMELESS),
                command={"date_before": "2018", "date_after": "2020-05"},
            ),
            "Change, 2018 to May 2020",
        ),
        (made("methane plume", "methane plume", inputs=(S2,)), "Methane plumes, 28 May 2024, Sentinel-2"),
        (made("flood", "water", inputs=(NAMELESS,)), "Water"),
        (made("vectorize", "a", "b", "c", "d", inputs=(NAMELESS,)), "Classes of lake.tif"),
        (
            made("segment", *"abcd", inputs=(S2,), model={"name": "fields"}),
            "Classes by fields, 28 May 2024, Sentinel-2",
        ),
    ],
)  # fmt: skip
def test_titles(record: RunRecord, title: str) -> None:
    assert map_title(record) == title


@pytest.mark.parametrize(
    ("iso", "text", "day"),
    [
        ("2024-05-28T10:30:21+00:00", "28 May 2024", date(2024, 5, 28)),
        ("2024-05", "May 2024", date(2024, 5, 1)),
        ("2018", "2018", date(2018, 1, 1)),
        ("2018-13", "2018", None),
        ("", "", None),
        ("spring", "spring", None),
    ],
)
def test_dates_in_words(iso: str, text: str, day: date | None) -> None:
    assert day_text(iso) == text
    assert day_of(iso) == day


def test_credits_licences_and_citation() -> None:
    record = made(
        "segment", "a", inputs=(S2,), citation="",
        model={"name": "fields", "licence": "MIT", "sha256": "0" * 64, "source": "here"},
    )  # fmt: skip
    assert credits_of(record) == ["Contains modified Copernicus Sentinel data 2024"]
    later = made("change", inputs=(S2, {**S2, "time": "2026-05-28T10:30:21"}))
    assert credits_of(later) == ["Contains modified Copernicus Sentinel data 2024, 2026"]
    years = tuple({**S2, "time": f"{year}-05-28T10:30:21"} for year in (2024, 2021, 2020, 2022))
    flood = made("flood", "water", inputs=years[:2], command={"before": ["earlier.tif"]})
    assert credits_of(flood) == ["Contains modified Copernicus Sentinel data 2021, 2024"]
    merged = made("segment", "a", inputs=years, command={"merge": True})
    assert credits_of(merged) == ["Contains modified Copernicus Sentinel data 2020 to 2024"]
    assert licences(record)[0] == "model fields: MIT"
    assert any("fields" in text for text in citation(record))
    record = made("flood", "water", inputs=(NAMELESS,), citation="McFeeters 1996")
    assert credits_of(record) == []
    assert "Method: McFeeters 1996" in citation(record)


def test_the_method_tells_what_was_cleaned_and_not_observed() -> None:
    record = made(
        "flood",
        "water",
        inputs=(S2,),
        command={"run": {"min_area": 500.0, "simplify": 0.0, "smooth_outlines": 20}},
    )
    text = " ".join(method_words(record))
    assert "NDWI > 0" in text
    assert "95.6 % of the area was observed" in text
    assert "smaller than 500 m²" in text
    assert "smoothed by 20 m" in text
    assert "simplified" not in text


def test_places() -> None:
    assert place_text(2.1, 48.1, 0.2) == "48.100° N, 2.100° E"
    assert place_text(-70.5, -33.5, 1.0) == "33.50° S, 70.50° W"
    assert place_text(180.25, -16.0, 1.0) == "16.00° S, 179.75° W"
