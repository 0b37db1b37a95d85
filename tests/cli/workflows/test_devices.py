"""A CUDA device that was asked for is there, or the command says so before it reads anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from geoseg.demo.flood_demo import write_scene
from geoseg.demo.simulated_flood import BANDS, simulate
from geoseg.runtimes import cuda
from tests.runtimes.gpu_stand_in import driver_library, stand_in_gpu  # noqa: F401 - fixtures

Geoseg = Callable[..., tuple[str, str]]

COMMANDS = {
    "flood": ("flood", "no.tif", "-o", "{}/a.gpkg"),
    "flood by method": ("flood", "no.tif", "--method", "classical", "-o", "{}/a.gpkg"),
    "flood by network": ("flood", "no.tif", "--model", "no-such-model", "-o", "{}/a.gpkg"),
    "change": ("change", "no.tif", "none.tif", "-o", "{}/a.gpkg"),
    "segment": ("segment", "no.tif", "--model", "no-such-model", "-o", "{}/a.gpkg"),
    "plume": ("methane", "plume", "no.tif", "-o", "{}/a.gpkg"),
    "facilities": ("methane", "facilities", "no.tif", "--model", "no-such-model", "-o", "{}/a.gpkg"),
}
"""Their inputs do not exist: who looks for them first gives another exit code."""

ASKED = (("--device", "cuda"), ("--device", "cuda:3"), ("--runtime", "tensorrt"))


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """No driver is found, whatever the machine has."""
    monkeypatch.setenv(cuda.LIBRARY, "libcuda-that-is-not-there.so")
    cuda.driver.cache_clear()


@pytest.mark.parametrize("dry", [False, True])
@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
@pytest.mark.parametrize("command", COMMANDS)
def test_no_map_without_the_device(
    command: str, asked: tuple[str, str], dry: bool, no_gpu: None, tmp_path: Path, geoseg: Geoseg
) -> None:
    words = [word.format(tmp_path) for word in COMMANDS[command]]
    out, err = geoseg(*words, *asked, *(["--dry-run"] if dry else []), code=5)
    assert out == ""
    (told,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert " ".join(asked) in told
    assert "nvidia-smi" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", ["onnx", "onnx-fp16", "openvino-int8", "tensorrt"])
def test_no_export_without_the_device(to: str, no_gpu: None, tmp_path: Path, geoseg: Geoseg) -> None:
    words = [] if to == "tensorrt" else ["-o", tmp_path / "bundle"]
    for device in ("cuda", "cuda:1"):
        _, err = geoseg("export", tmp_path / "none", "--to", to, *words, "--device", device, code=5)
        assert f"`--device {device}`" in err
    geoseg("export", tmp_path / "none", "--to", to, *words, "--device", "gpu", code=2)
    if to == "tensorrt":
        geoseg("export", tmp_path / "none", "--to", to, code=5)


def test_a_method_maps_where_the_device_is_there(
    stand_in_gpu: None,  # noqa: F811
    tmp_path: Path,
    geoseg: Geoseg,
) -> None:
    """One device is there: `cuda` and `cuda:0` name it, `cuda:1` names none."""
    scene = tmp_path / "after.tif"
    write_scene(scene, simulate(size=120).after, BANDS)
    words = ("flood", scene, "--method", "classical", "--overwrite", "-o", tmp_path / "a.gpkg")
    for device in ("cuda", "cuda:0"):
        geoseg(*words, "--device", device)
    _, err = geoseg(*words, "--device", "cuda:1", code=5)
    assert "the machine has cuda:0 Stand-in GPU" in err
