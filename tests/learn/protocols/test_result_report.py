"""The report of result files: tables, files, and what it says of incomplete submissions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from geoseg.learn.protocols import result_report
from geoseg.learn.protocols.result_report import NO_PICTURE, PICTURE, TOO_SMALL, report_of
from geoseg.learn.protocols.result_rows import ResultRow
from geoseg.outputs.report import to_text, write
from geoseg.spec.presets import benchmark


def rows(seeds: int = 5) -> list[ResultRow]:
    """Results of two backbones on all data sets of Multi-temporal, one better by a tenth of the range."""
    spec = benchmark("geobench-2")
    return [
        ResultRow(
            dataset=dataset, metric="Multiclass_Jaccard_Index", seed=seed, backbone=backbone,
            tuning="full_ft",
            value=spec.ranges[dataset][0] + share * (spec.ranges[dataset][1] - spec.ranges[dataset][0]),
            submission="made",
        )
        for dataset in spec.capabilities["Multi-temporal"]
        for backbone, share in (("plain", 0.5), ("better", 0.6))
        for seed in range(seeds)
    ]  # fmt: skip


def test_capabilities_come_first_and_the_best_on_top(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `report` is not installed")
    made = report_of(rows(), benchmark("geobench-2"))
    text = to_text(made)
    assert "60.00 (60.0 to 60.0)" in text
    assert text.index("better") < text.index("plain")
    assert TOO_SMALL in text
    assert not made.warnings
    names = {path.name for path in write(made, tmp_path / "out")}
    assert names == {"report.html", "scores.json", "capabilities.csv", "datasets.csv", PICTURE}
    data = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert {item["capability"] for item in data["capabilities"]} == {"Multi-temporal"}
    assert "<svg" in (tmp_path / "out" / PICTURE).read_text()


def test_missing_seeds_are_a_warning() -> None:
    made = report_of(rows(seeds=3), benchmark("geobench-2"))
    assert any("3 rows, 3 seeds" in text for text in made.warnings)


def test_the_picture_is_left_out_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_report, "find_spec", lambda _: None)
    made = report_of(rows(), benchmark("geobench-2"))
    assert not made.files
    assert NO_PICTURE in made.notes


def test_results_of_other_sets_have_no_capabilities() -> None:
    own = [
        ResultRow(dataset="lakes", metric=metric, value=0.5, seed=seed, backbone="a", tuning="frozen")
        for metric in ("mIoU", "precision water")
        for seed in range(2)
    ]
    made = report_of(own, benchmark("geobench-2"))
    assert set(made.csv) == {"datasets.csv"}
    assert "precision water" in made.csv["datasets.csv"].to_csv()
    assert "precision water" not in to_text(made)
    assert not made.notes
