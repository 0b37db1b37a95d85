"""The table of the default commands beside trivial rivals."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from geoseg.learn.evaluate.scene_maps import SceneAccuracy
from geoseg.learn.evaluate.score_calibration import no_pixels
from geoseg.learn.samples import Sample
from geoseg.learn.train.config import read_config
from tests.simulated import CONFIG, write_set

SCRIPT = Path(__file__).parents[2] / "bench" / "defaults.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_defaults", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys  # noqa: PLC0415

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def scene(*counts: int) -> SceneAccuracy:
    """A scene of correct land, false alarms, misses and hits."""
    return SceneAccuracy(
        sample=Sample(id=f"{counts}", images=(), label=Path()),
        counts=np.array(counts).reshape(2, 2),
        reliability=no_pixels(),
        unobserved=0,
        map=None,
    )


def test_numbers_of_a_row(bench: ModuleType) -> None:
    scenes = (scene(50, 0, 0, 50), scene(80, 20, 0, 0), scene(100, 0, 0, 0), scene(60, 10, 20, 10))
    row = bench.Row(name="map", scenes=scenes, task="flood", runs=(0, 0, 1, 1))
    assert row.micro == pytest.approx(60 / 110)
    assert row.mean == pytest.approx((1 + 0 + 0.25) / 3)
    assert row.dry == pytest.approx(20 / 200)
    assert [matrix[1, 1] for matrix in row.sums()] == [50, 10]
    low, high = row.interval()
    assert low == pytest.approx(10 / 40)
    assert high == pytest.approx(50 / 70)
    change = bench.Row(name="map", scenes=scenes, task="change", runs=(0, 0, 1, 1))
    assert change.micro == pytest.approx(120 / 170)


def test_worst_of_five_folds(bench: ModuleType) -> None:
    scenes = [scene(0, 10 - number, 0, number) for number in range(10)]
    row = bench.Row(name="map", scenes=scenes, task="flood", runs=tuple(range(10)))
    assert row.worst_fold(10) == pytest.approx(1 / 20)


@pytest.mark.parametrize(
    "name", ["water-hls", "flood-s1", "sar-dem", "flood-pair-s1", "change-s2", "Taizhou"]
)
def test_each_set_has_a_config(bench: ModuleType, name: str) -> None:
    case = bench.CASES[name]
    assert read_config(case.config, Path("nowhere"), dict(case.changes)).classes[1].value == 1


def test_the_table_of_a_set(
    bench: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The script prints one row, writes the scores of chips, and draws the worst."""
    write_set(tmp_path / "sets" / "lakes", chips=3)
    config = tmp_path / "water.yaml"
    config.write_text(CONFIG.format(root="unused"))
    case = bench.Case(config=str(config), folder="lakes", runs=3)
    monkeypatch.setattr(bench, "CASES", {"lakes": case})
    arguments = ["defaults.py", "--data", str(tmp_path / "sets"), "--default-only", "--worst", "1"]
    more = ["--pictures", str(tmp_path / "pictures"), "--chips", str(tmp_path / "chips.csv")]
    monkeypatch.setattr("sys.argv", arguments + more)
    assert bench.main() == 0
    header, _, row = [line.split(" | ") for line in capsys.readouterr().out.strip().splitlines()]
    cells = dict(zip(header, row, strict=True))
    assert cells["chips"] == "3"
    assert float(cells["mean over chips"]) > 0.9
    assert cells["best trivial rival: score, mean"].startswith("MNDWI")
    rows = list(csv.reader((tmp_path / "chips.csv").read_text().splitlines()))
    assert len(rows) == 3 * 6
    assert len(list((tmp_path / "pictures").glob("lakes-1-chip_*.png"))) == 1


def test_without_data_it_says_so(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["defaults.py", "--data", "/nowhere"])
    assert bench.main() == 3
