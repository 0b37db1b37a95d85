"""Puts the stand-ins for NVIDIA's driver and TensorRT in place for one test."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from geoseg.runtimes import cuda
from tests.runtimes import tensorrt_stand_in

UseTensorRt = Callable[[str], ModuleType]


@pytest.fixture(scope="session")
def driver_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the stand-in driver."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform == "win32":
        pytest.skip("no C compiler to build the stand-in driver with")
    source = Path(__file__).with_name("cuda_stand_in.c")
    target = tmp_path_factory.mktemp("driver") / "libcuda_stand_in.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", target, source], check=True)
    return target


@pytest.fixture
def stand_in_gpu(driver_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One "GPU", and a cache of engines of its own."""
    monkeypatch.setenv(cuda.LIBRARY, str(driver_library))
    monkeypatch.setenv("GEOSEG_CACHE", str(tmp_path / "engines"))
    cuda.driver.cache_clear()
    yield
    cuda.driver.cache_clear()


@pytest.fixture
def use_tensorrt(stand_in_gpu: None, monkeypatch: pytest.MonkeyPatch) -> UseTensorRt:
    """Install the stand-in of a version of TensorRT."""

    def use(version: str) -> ModuleType:
        module = tensorrt_stand_in.make(version, cuda.driver)
        monkeypatch.setitem(sys.modules, "tensorrt", module)
        tensorrt_stand_in.Builder.builds.clear()
        return module

    return use
