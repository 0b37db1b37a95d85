"""The measuring script runs on a bare machine without a GPU, and says what it could not measure."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from geoseg.catalog.bundles import find_model
from geoseg.runtimes.tensorrt_graph import graph_for
from tests.runtimes.gpu_stand_in import (
    UseTensorRt,
    driver_library,  # noqa: F401 - a fixture
    stand_in_gpu,  # noqa: F401 - a fixture
    use_tensorrt,  # noqa: F401 - a fixture
)

SCRIPT = Path(__file__).parents[2] / "bench" / "gpu" / "measure.py"

pytest.importorskip("torch", reason="the extra `torch` is not installed")


def test_a_trial_on_the_cpu(tmp_path: Path) -> None:
    out = tmp_path / "table.md"
    options = ["--quick", "--cpu", "--only", "resnet18, 6 bands", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *options], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == out.read_text().strip()
    head, strips, missing = (part.strip().splitlines() for part in out.read_text().split("\n\n", 3)[1:])
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in head[2:]]
    assert {row[1].split(",")[0] for row in rows} == {"torch eager", "torch autocast", "onnxruntime"}
    assert {row[0] for row in rows} == {
        "U-Net resnet18, 6 bands",
        "water-optical",
        "flood-sar",
        "flood-sar-pair",
    }
    assert all(float(row[4]) > 0 for row in rows)
    for row in rows:
        assert row[7] == "100.000%" if row[2] == "fp32" else 90 < float(row[7].rstrip("%")) <= 100
    assert float(strips[2].strip("|").split("|")[2]) > 0
    text = "\n".join(missing)
    assert "GPUs: --cpu was said" in text
    assert "TensorRT: there is no GPU here" in text


def test_networks_are_written_here_and_measured_there(tmp_path: Path) -> None:
    only = ["--quick", "--only", "resnet18, 6 bands"]
    for options in ([*only, "--export", str(tmp_path)], ["--quick", "--cpu", "--onnx", str(tmp_path)]):
        done = subprocess.run(
            [sys.executable, str(SCRIPT), *options, "--bundles", str(tmp_path / "none")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| U-Net resnet18, 6 bands")]
    assert "onnxruntime, CPU" in row
    assert "| 0.694 |" in row, "GFLOP of a tile came along"


def test_it_needs_neither_geoseg_nor_torch(tmp_path: Path) -> None:
    """Without any of the packages it says so, and ends well."""
    blocked = "import sys; sys.modules.update(dict.fromkeys(('torch', 'onnxruntime', 'geoseg', 'tensorrt')));"
    run = f"import runpy; sys.argv = ['measure.py', '--quick', '--bundles', '{tmp_path}']; "
    done = subprocess.run(
        [sys.executable, "-c", f"{blocked} {run} runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "torch is not installed" in done.stdout
    assert "shipped bundles: none at" in done.stdout


@pytest.mark.parametrize(
    ("version", "measured"),
    [
        ("8.5.3", {"fp32", "fp16", "int8"}),
        ("10.3.0", {"fp32", "fp16", "bf16", "int8"}),
        ("11.4.0", {"fp32"}),
    ],
)
def test_tensorrt_on_stand_ins(
    version: str,
    measured: set[str],
    tmp_path: Path,
    use_tensorrt: UseTensorRt,  # noqa: F811
) -> None:
    """The calls of each version; speed and rounding are not the stand-in's business."""
    use_tensorrt(version)
    script: dict[str, Any] = runpy.run_path(str(SCRIPT))
    setting = script["Setting"]("cuda:0", 64, (1, 2), 0.01, True)
    report = script["Report"]()
    path = find_model("water-optical").weights
    check = script["scene_tiles"](6, 64, 2)
    if version == "8.5.3":
        older = tmp_path / "model.onnx"
        older.write_bytes(graph_for(path, (8, 5), typed=None))
        path = older
    reference = np.asarray(onnxruntime.InferenceSession(str(path)).run(None, {"image": check})[0])
    script["measure_tensorrt"]("net", path, 6, setting, report, (1e9, 1e6, 1e6), reference, "0")
    assert {row.precision for row in report.rows} == measured
    assert all(row.rate > 0 and row.equal > 0.9 for row in report.rows), report.rows
    unmeasured = {"fp32", "fp16", "bf16", "int8"} - measured
    assert all(any(name in text for text in report.missing) for name in unmeasured)
