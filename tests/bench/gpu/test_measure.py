"""The measuring script runs on a bare machine without a GPU, and says what it could not measure."""

from __future__ import annotations

import ctypes
import runpy
import shutil
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from geoseg.bundles.find import find_model
from geoseg.bundles.onnx_operators import read_operators
from geoseg.runtimes.tensorrt.tensorrt_operators import objections
from tests.runtimes.gpu_stand_in import (
    UseTensorRt,
    driver_library,  # noqa: F401 - a fixture
    stand_in_gpu,  # noqa: F401 - a fixture
    use_tensorrt,  # noqa: F401 - a fixture
)

SCRIPT = Path(__file__).parents[3] / "bench" / "gpu" / "measure.py"


@pytest.fixture(autouse=True)
def beside_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules of the script are found in its folder, as when it is run."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    for path in SCRIPT.parent.glob("*.py"):
        monkeypatch.delitem(sys.modules, path.stem, raising=False)


torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")


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
    assert [row[5] for row in rows if row[0] == "flood-sar"] == ["-"], "nothing is counted of bundles"
    maps = [[cell.strip() for cell in line.strip("|").split("|")] for line in strips[2:]]
    assert [row[0] for row in maps] == [
        "U-Net resnet18, 6 bands",
        "flood-sar",
        "flood-sar-pair",
        "water-optical",
    ]
    assert [row[1].split(",")[0] for row in maps] == ["a plain loop", *["geoseg's sweep"] * 3]
    assert all(float(row[2]) > 0 and row[4] == "-" for row in maps), "nobody says how busy a processor is"
    assert all(float(row[3].rstrip("%")) > 0 for row in maps[1:])
    text = "\n".join(missing)
    assert "GPUs: --cpu was given" in text
    assert "TensorRT: no GPU is available" in text


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


def test_what_is_written_is_read_by_tensorrt_8_5(tmp_path: Path) -> None:
    """Transformers too, whose LayerNormalization it lacks, and the shipped bundles."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--only", "ViT", "--export", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = sorted(tmp_path.glob("*.onnx"))
    assert len(written) == 4
    for path in written:
        operators = read_operators(path)
        assert operators.opset <= 17
        assert objections(operators, (8, 5)) == ()


def test_it_needs_neither_geoseg_nor_torch(tmp_path: Path) -> None:
    """Without any of the packages it says so, and ends well."""
    blocked = "import sys; sys.modules.update(dict.fromkeys(('torch', 'onnxruntime', 'geoseg', 'tensorrt')));"
    run = f"import runpy; sys.argv = ['measure.py', '--quick', '--bundles', '{tmp_path}']; "
    run += f"sys.path.insert(0, {str(SCRIPT.parent)!r});"
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
        ("11.4.0", {"fp32", "fp16"}),  # written into the graph; the stand-in computes no bf16
    ],
)
def test_tensorrt_on_stand_ins(
    version: str,
    measured: set[str],
    use_tensorrt: UseTensorRt,  # noqa: F811
) -> None:
    """The calls of each version; speed and rounding are not the stand-in's business."""
    use_tensorrt(version)
    script: dict[str, Any] = runpy.run_path(str(SCRIPT))
    setting = script["Setting"]("cuda:0", 64, (1, 2), 0.01, True, 4)
    report = script["Report"]()
    path = find_model("water-optical").weights
    check = script["scene_tiles"](6, 64, 2)
    reference = np.asarray(onnxruntime.InferenceSession(str(path)).run(None, {"image": check})[0])
    net = script["Net"]("net", path, 6, 64, (1e9, 1e6, 1e6), reference)
    script["measure_nets"]([net], setting, report, "0")
    assert {row.precision for row in report.rows} == measured
    assert all(row.rate > 0 and row.equal > 0.9 for row in report.rows), report.rows
    unmeasured = {"fp32", "fp16", "bf16", "int8"} - measured
    assert all(any(name in text for text in report.missing) for name in unmeasured)


def test_one_failure_costs_nothing_else(use_tensorrt: UseTensorRt, tmp_path: Path) -> None:  # noqa: F811
    """A file that nothing reads, an engine that does not run, and time that is up."""
    use_tensorrt("10.3.0")
    script: dict[str, Any] = runpy.run_path(str(SCRIPT))
    setting = script["Setting"]("cuda:0", 64, (1, 2), 0.01, True, 4)
    report = script["Report"]()
    saved: list[int] = []
    report.save = lambda: saved.append(len(report.rows))
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    nets = [
        script["Net"]("broken", tmp_path / "broken.onnx", 6, 64),
        script["Net"]("whole", find_model("water-optical").weights, 6, 64),
    ]
    script["measure_nets"](nets, setting, report, "")
    assert [row.network for row in report.rows] == ["whole"] * 4
    assert saved == [1, 2, 3, 4], "each row is kept at once"
    assert any(text.startswith("broken, TensorRT fp16") for text in report.missing)
    report.until = 0.0
    script["measure_nets"](nets, setting, report, "")
    assert len(report.rows) == 4
    assert "whole, TensorRT int8: no time was left" in report.missing


def test_an_engine_that_does_not_run_has_no_rate(use_tensorrt: UseTensorRt) -> None:  # noqa: F811
    module: Any = use_tensorrt("10.3.0")
    script: dict[str, Any] = runpy.run_path(str(SCRIPT))
    setting = script["Setting"]("cuda:0", 64, (1, 2), 0.01, True, 4)

    class Failing:
        num_io_tensors = 2

        def __getattr__(self, name: str) -> Any:
            return lambda *_: False

        def get_tensor_name(self, index: int) -> str:
            return ("image", "scores")[index]

        def get_tensor_shape(self, _: str) -> list[int]:
            return [-1, 1, 64, 64]

        def create_execution_context(self) -> Failing:
            return self

    with pytest.raises(RuntimeError, match="does not run"):
        import_module("gpu_tensorrt").run_engine(
            module, Failing(), script["Driver"](), (4, 6, 64, 64), setting
        )


def test_a_gpu_without_torch_for_it(use_tensorrt: UseTensorRt, tmp_path: Path) -> None:  # noqa: F811
    """Torch here reaches no GPU, TensorRT does: networks are written by the one and measured by the other."""
    if torch.cuda.is_available():
        pytest.skip("this torch reaches a GPU")
    use_tensorrt("10.3.0")
    out = tmp_path / "table.md"
    options = ["--quick", "--only", "ViT", "--bundles", str(tmp_path / "none"), "--out", str(out)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["measure.py", *options])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(SCRIPT), run_name="__main__")
    assert ended.value.code == 0
    text = out.read_text()
    assert "Measured on Stand-in GPU" in text
    assert "has no GPU" in text
    assert [line.split("|")[3].strip() for line in text.splitlines() if line.startswith("| ViT")] == [
        "fp16",
        "int8",
        "fp32",
        "bf16",
    ]


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_how_busy_a_gpu_is_is_asked_of_its_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, library = tmp_path / "nvml.c", tmp_path / "nvml.so"
    source.write_text(
        "int nvmlInit_v2(void) { return 0; } int nvmlShutdown(void) { return 0; }"
        "int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **d) { *d = (void *)7; return i; }"
        "int nvmlDeviceGetUtilizationRates(void *d, unsigned *u) { u[0] = 60; return d != (void *)7; }"
    )
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    busy_of = import_module("gpu_strips").Busy
    load = ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", lambda name: load(str(library)))
    with busy_of(True) as busy:
        time.sleep(0.3)
    assert busy.share() == 0.6
    with busy_of(False) as idle:
        time.sleep(0.15)
    assert idle.share() is None


def test_peaks_are_of_the_whole_device_of_that_name() -> None:
    script: dict[str, Any] = runpy.run_path(str(SCRIPT))
    known = script["known_peak"]
    assert known("NVIDIA H200")[1]["bytes"] == 4.8e12
    assert known("NVIDIA H100 80GB HBM3, torch 2.9")[1]["tf32"] == 494e12
    for name in ("NVIDIA GH200 480GB", "NVIDIA L40S", "NVIDIA H100 80GB HBM3 MIG 1g.10gb"):
        assert known(name) == ("no roofline without torch", {})
