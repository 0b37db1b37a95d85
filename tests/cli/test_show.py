from __future__ import annotations

from pathlib import Path

import pytest
from geoseg.cli.show import area_text, duration_text, plan_text, record_text, value_text

from geoseg.engine.plan import Plan
from geoseg.run_record import ClassTotal, RunRecord


def _record(area: float | None) -> RunRecord:
    return RunRecord(
        geoseg="0.1.0",
        task="flood",
        command={},
        inputs=({"paths": ["a.tif"], "sensor": "sentinel-1", "time": None},),
        method="VV backscatter: VV dB < -16",
        runtime={"tile": 512},
        created="2026-01-01T00:00:00+00:00",
        crs="EPSG:32633",
        valid_share=0.987,
        classes=(
            ClassTotal(value=1, label="flood", polygons=1234, pixels=98765, area_m2=area),
            ClassTotal(value=2, label="permanent water", polygons=2, pixels=10, area_m2=area and 1000.0),
        ),
        outputs=(Path("a.gpkg"), Path("a.tif")),
        seconds=1.5,
    )


def test_a_record_in_short() -> None:
    lines = record_text(_record(9_876_500.0)).splitlines()
    assert lines[0].split() == ["class", "polygons", "area"]
    assert lines[1].split() == ["flood", "(1)", "1,234", "9.88", "km²"]
    assert lines[2].split() == ["permanent", "water", "(2)", "2", "1,000", "m²"]
    assert "98.7% of the scene" in lines[5]
    assert [line.split()[-1] for line in lines[-2:]] == ["a.gpkg", "a.tif"]
    assert "sentinel-1" not in "\n".join(lines)


def test_a_record_in_detail() -> None:
    text = record_text(_record(1.0), detail=True)
    assert "sensor sentinel-1" in text
    assert "time" not in text  # not known, so not said
    assert "tile 512" in text
    assert "1.5 s" in text


def test_pixels_where_nothing_has_an_area() -> None:
    lines = record_text(_record(None)).splitlines()
    assert lines[0].split() == ["class", "polygons", "pixels"]
    assert lines[1].split()[-1] == "98,765"


def test_a_map_without_polygons_says_so() -> None:
    lines = record_text(_record(None).model_copy(update={"classes": ()})).splitlines()
    assert lines[0].strip() == "nothing found"


def test_a_plan() -> None:
    plan = Plan(
        height=10980,
        width=10980,
        tile=512,
        overlap=64,
        tiles=625,
        strips=25,
        column_bands=1,
        memory_mib=700,
        scratch_mib=0,
        seconds=None,
        notes=("said",),
    )
    text = plan_text(plan)
    for part in ("10,980 x 10,980", "625 of 512", "about 700 MiB", "not measured", "said"):
        assert part in text


@pytest.mark.parametrize(
    ("area", "text"), [(0, "0 m²"), (9999, "9,999 m²"), (10_000, "1.00 ha"), (2.5e6, "2.50 km²")]
)
def test_areas(area: float, text: str) -> None:
    assert area_text(area) == text


def test_small_texts() -> None:
    assert [duration_text(value) for value in (2, 300, 7200)] == ["2 s", "5 min", "2.0 h"]
    assert value_text(None) == "none"
    assert value_text([1.5, {"a": None, "b": 2}]) == "1.5, b 2"
