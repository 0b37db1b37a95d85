"""Runtimes by the command line: refusals, the same map from each, engines, and what doctor says of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geoseg.demo.flood_demo import write_scene
from geoseg.demo.simulated_flood import BANDS, simulate
from geoseg.runtimes import cuda
from tests.runtimes import tensorrt_stand_in
from tests.runtimes.gpu_stand_in import (
    UseTensorRt,
    driver_library,  # noqa: F401 - a fixture
    stand_in_gpu,  # noqa: F401 - a fixture
    use_tensorrt,  # noqa: F401 - a fixture
)
from tests.runtimes.tensorrt_stand_in import Builder

Geoseg = Callable[..., tuple[str, str]]
RUNTIMES = ("auto", "onnxruntime", "openvino", "torch", "tensorrt")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated scene of 300 x 300 pixels."""
    path = tmp_path_factory.mktemp("scenes") / "after.tif"
    write_scene(path, simulate(size=300).after, BANDS)
    return path


def _segment(
    geoseg: Geoseg, scene: Path, folder: Path, *options: str, code: int = 0, model: str = "water-optical"
) -> tuple[str, str]:
    return geoseg(
        "segment", scene, "--model", model, "-o", folder / "map.gpkg", "--raster", folder / "map.tif",
        "--tile", "128", "--overwrite", *options, code=code,
    )  # fmt: skip


def _classes(folder: Path) -> np.ndarray:
    with rasterio.open(folder / "map.tif") as file:
        return np.asarray(file.read(1))


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_cuda_without_a_gpu_is_exit_5(
    runtime: str, device: str, scene: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    if cuda.any_gpu():
        pytest.skip("this machine has a GPU")
    out, err = _segment(geoseg, scene, tmp_path, "--runtime", runtime, "--device", device, code=5)
    assert out == ""
    (told,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "pip install" in told or "nvidia-smi" in told
    assert not (tmp_path / "map.gpkg").exists()


def test_torch_runs_programs_only(scene: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    pytest.importorskip("torch", reason="the extra `torch` is not installed")
    _, err = _segment(geoseg, scene, tmp_path, "--runtime", "torch", "--device", "cpu", code=4)
    assert "model water-optical has no torch.export program" in err
    assert "use `--runtime onnxruntime` or tensorrt" in err
    assert not (tmp_path / "map.gpkg").exists()


def test_tensorrt_maps_as_onnxruntime_does(
    scene: Path,
    tmp_path: Path,
    geoseg: Geoseg,
    use_tensorrt: UseTensorRt,  # noqa: F811
) -> None:
    _segment(geoseg, scene, tmp_path, "--runtime", "onnxruntime", "--device", "cpu", "--precision", "fp32")
    expected = _classes(tmp_path)
    use_tensorrt("10.3.0")
    for run in range(2):
        out, err = _segment(geoseg, scene, tmp_path, "--runtime", "tensorrt", "--device", "cuda:0", "--json")
        record = json.loads(out)
        assert record["runtime"]["name"] == "tensorrt"
        assert record["runtime"]["precision"] == "fp16"
        assert ("building a TensorRT engine" in err) == (run == 0), "built once, then kept"
        assert np.mean(_classes(tmp_path) == expected) > 0.995


def test_export_goes_past_a_precision_that_overflows(
    scene: Path,
    tmp_path: Path,
    geoseg: Geoseg,
    use_tensorrt: UseTensorRt,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half precision gives what is no number: the next is tried, and no engine of it is kept."""
    use_tensorrt("10.3.0")
    plain = tensorrt_stand_in._lowered

    def overflow(tiles: np.ndarray, told: dict[str, Any], levels: int) -> np.ndarray:
        return tiles * np.float32("nan") if "FP16" in told["flags"] else plain(tiles, told, levels)

    monkeypatch.setattr(tensorrt_stand_in, "_lowered", overflow)
    out, err = geoseg(
        "export", "water-optical", "--to", "tensorrt", "--scene", scene, "--tile", 128, "--json"
    )
    assert json.loads(out)["precision"] == "bf16"
    assert "fp16 failed" in err
    assert "returns NaN" in err
    assert not list((tmp_path / "engines").glob("*fp16*.engine"))


def test_export_builds_proves_and_keeps(
    scene: Path,
    tmp_path: Path,
    geoseg: Geoseg,
    use_tensorrt: UseTensorRt,  # noqa: F811
) -> None:
    use_tensorrt("10.3.0")
    told = geoseg("export", "water-optical", "--to", "tensorrt", code=2)[1]
    assert "`--scene SCENE`" in told
    out, _ = geoseg("export", "water-optical", "--to", "tensorrt", "--scene", scene, "--tile", 128, "--json")
    made = json.loads(out)
    assert made["precision"] == "fp16"
    assert Path(made["engine"]).is_file()
    record = json.loads(Path(made["engine"]).with_suffix(".json").read_text())
    assert record["agreement"]["worst_iou"] >= 0.995
    assert 0 <= record["agreement"]["score_error"] < 0.01
    assert record["agreement"]["tiles"] >= 4
    assert record == made["record"]
    geoseg("export", "water-optical", "--to", "tensorrt", "--scene", scene, "--tile", 128)
    assert len(Builder.builds) == 1
    out, _ = geoseg("export", "water-optical", "--to", "tensorrt", "--precision", "fp32", "--tile", 128)
    assert out.endswith(": fp32\n")


def test_export_refuses_what_is_not_as_right(
    scene: Path,
    tmp_path: Path,
    geoseg: Geoseg,
    use_tensorrt: UseTensorRt,  # noqa: F811
) -> None:
    """An int8 that keeps few of its levels, as where a network's ranges are wide."""
    module: Any = use_tensorrt("8.5.3")
    module.levels = 4
    _, err = geoseg(
        "export", "water-optical", "--to", "tensorrt", "--scene", scene, "--tile", 128,
        "--precision", "int8", code=4,
    )  # fmt: skip
    assert "int8 gives another map than fp32" in err
    assert "0.995 is needed" in err
    assert not list((tmp_path / "engines").glob("*.engine"))


def test_doctor_names_gpus_and_remedies(
    geoseg: Geoseg,
    use_tensorrt: UseTensorRt,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("torch", reason="the extra `torch` is not installed")
    use_tensorrt("10.3.0")
    out, _ = geoseg("doctor")
    lines = {line.split()[1]: line for line in out.splitlines() if len(line.split()) > 1}
    assert "Stand-in GPU (sm_90" in lines["cuda:0"]
    assert "10.3.0 on cuda:0" in lines["tensorrt"]
    assert "pip install onnxruntime-gpu" in lines["onnxruntime"]
    assert "not on the GPU" in lines["torch"]
    monkeypatch.delitem(sys.modules, "tensorrt")
    assert "pip install 'geoseg[tensorrt]'" in geoseg("doctor")[0]


def test_doctor_without_a_gpu_says_why(geoseg: Geoseg) -> None:
    if cuda.any_gpu():
        pytest.skip("this machine has a GPU")
    checks = {item["what"]: item for item in json.loads(geoseg("doctor", "--json")[0])["checks"]}
    assert checks["GPU"]["state"] == "optional"
    assert "driver" in checks["GPU"]["remedy"]
    assert {"openvino", "onnxruntime", "torch", "tensorrt"} <= set(checks)


def test_models_check_reports_what_tensorrt_reads(geoseg: Geoseg) -> None:
    text = geoseg("models", "check", "flood-sar")[0]
    assert "TensorRT 8.5, 10.0, 10.15 can read all of its operators" in text
    found = json.loads(geoseg("models", "check", "flood-sar", "--json")[0])
    assert found["tensorrt"] == {"8.5": [], "10.0": [], "10.15": []}


def test_measured_times_are_recorded_kept_and_listed(
    scene: Path, tmp_path: Path, geoseg: Geoseg, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second map takes the times of the first."""
    monkeypatch.setenv("GEOSEG_CACHE", str(tmp_path / "cache"))
    found = []
    for threads in ("2", "1"):
        out, _ = _segment(
            geoseg, scene, tmp_path, "--tile", "64", "--device", "cpu", "--threads", threads, "--json"
        )
        found.append((json.loads(out)["runtime"], _classes(tmp_path)))
    (first, classes), (second, again) = found
    assert first["measured"]["kept"] is True
    assert "onnxruntime fp32" in first["measured"]["seconds"]
    assert first["measured"] == second["measured"]
    assert (first["name"], first["precision"]) == (second["name"], second["precision"])
    assert (classes == again).all()
    checks = {item["what"]: item for item in json.loads(geoseg("doctor", "--json")[0])["checks"]}
    assert checks["times of water-optical"]["found"].startswith(f"auto: {first['name']} ")
    few, _ = _segment(geoseg, scene, tmp_path, "--tile", "256", "--device", "cpu", "--json")
    assert "measured" not in json.loads(few)["runtime"]
