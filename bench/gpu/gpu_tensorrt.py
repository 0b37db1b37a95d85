"""Measure ONNX files in TensorRT, with the CUDA driver by ctypes."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from gpu_rates import agreement, rate_of, scene_tiles
from gpu_report import Net, Report, Row, Setting


class Driver:
    """The calls of the CUDA driver that running TensorRT requires."""

    def __init__(self) -> None:
        usual = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
        self.library = ctypes.CDLL(os.environ.get("GEOSEG_LIBCUDA", usual))
        self.call("cuInit", 0)
        device, self.context = ctypes.c_int(), ctypes.c_void_p()
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(self.context), device)
        self.call("cuCtxSetCurrent", self.context)
        name = ctypes.create_string_buffer(256)
        self.call("cuDeviceGetName", name, 256, device)
        self.name = name.value.decode()
        memory = ctypes.c_size_t()
        self.call("cuDeviceTotalMem_v2", ctypes.byref(memory), device)
        self.total = memory.value
        self.stream = ctypes.c_void_p()
        self.call("cuStreamCreate", ctypes.byref(self.stream), 1)

    def call(self, name: str, *arguments: Any) -> None:
        code = getattr(self.library, name)(*arguments)
        if code:
            raise RuntimeError(f"{name} returned error {code}")

    def allocate(self, size: int) -> int:
        pointer = ctypes.c_void_p()
        self.call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(size))
        return pointer.value or 0

    def upload(self, address: int, array: np.ndarray) -> None:
        self.call("cuMemcpyHtoD_v2", ctypes.c_void_p(address), array.ctypes.data_as(ctypes.c_void_p),
                  ctypes.c_size_t(array.nbytes))  # fmt: skip

    def download(self, array: np.ndarray, address: int) -> None:
        self.call("cuMemcpyDtoH_v2", array.ctypes.data_as(ctypes.c_void_p), ctypes.c_void_p(address),
                  ctypes.c_size_t(array.nbytes))  # fmt: skip

    def free(self, address: int) -> None:
        self.call("cuMemFree_v2", ctypes.c_void_p(address))

    def wait(self) -> None:
        self.call("cuStreamSynchronize", self.stream)


MEASURED_KERNELS: dict[str, bytes] = {}
"""Timing cache of TensorRT by version, so that a later build need not measure again."""


def graph_of(trt: Any, path: Path, precision: str) -> bytes:
    """Return the graph that this version of TensorRT reads, converted by geoseg where it is installed.

    Raises:
        RuntimeError: the graph must state the precision, and geoseg is not installed or does not write it.
    """
    typed = not hasattr(trt.BuilderFlag, "FP16")
    if typed and precision == "int8":
        raise RuntimeError("TensorRT 11 reads the precision from the graph; write it with geoseg export")
    try:
        from geoseg.runtimes.tensorrt.tensorrt_graph import graph_for
    except ImportError as error:
        if typed and precision != "fp32":
            raise RuntimeError(
                "TensorRT 11 reads the precision from the graph, and geoseg is not installed to write it"
            ) from error
        return path.read_bytes()
    major, minor = (int(part) for part in trt.__version__.split(".")[:2])
    return graph_for(path, (major, minor), typed=precision if typed else None)


def build_engine(
    trt: Any, driver: Driver, path: Path, precision: str, shape: tuple[int, ...], tactics: str
) -> Any:
    """Return runtime, engine and logger for a precision.

    Raises:
        RuntimeError: the version lacks the precision, or cannot build the engine.
    """
    errors: list[str] = []

    class Log(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if "ERROR" in str(severity):
                errors.append(message)

    logger = Log()
    builder = trt.Builder(logger)
    creation = trt.NetworkDefinitionCreationFlag
    network = builder.create_network(
        1 << int(creation.EXPLICIT_BATCH) if hasattr(creation, "EXPLICIT_BATCH") else 0
    )
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph_of(trt, path, precision)):
        raise RuntimeError(parser.get_error(0).desc())
    config = builder.create_builder_config()
    if hasattr(trt.BuilderFlag, "TF32"):
        config.clear_flag(trt.BuilderFlag.TF32)
    wanted = {"fp16": ("FP16",), "bf16": ("BF16",), "int8": ("INT8", "FP16"), "fp32": ()}[precision]
    if hasattr(trt.BuilderFlag, "FP16"):
        if any(not hasattr(trt.BuilderFlag, flag) for flag in wanted):
            raise RuntimeError(f"TensorRT {trt.__version__} does not support {precision}")
        for flag in wanted:
            config.set_flag(getattr(trt.BuilderFlag, flag))
    if tactics:
        config.set_tactic_sources(int(tactics, 0))
    if precision == "int8":
        config.int8_calibrator = calibrator(trt, driver, shape)
        pairs = builder.create_optimization_profile()
        pairs.set_shape(network.get_input(0).name, *[(2, *shape[1:])] * 3)
        config.set_calibration_profile(pairs)
    profile = builder.create_optimization_profile()
    profile.set_shape(network.get_input(0).name, (1, *shape[1:]), shape, shape)
    config.add_optimization_profile(profile)
    timed = config.create_timing_cache(MEASURED_KERNELS.get(trt.__version__, b""))
    config.set_timing_cache(timed, False)
    content = builder.build_serialized_network(network, config)
    if content is None:
        raise RuntimeError(errors[-1] if errors else "TensorRT could not build the engine")
    MEASURED_KERNELS[trt.__version__] = bytes(memoryview(config.get_timing_cache().serialize()))
    runtime = trt.Runtime(logger)
    engine = runtime.deserialize_cuda_engine(bytes(memoryview(content)))
    if engine is None:
        raise RuntimeError(errors[-1] if errors else "TensorRT could not load the engine")
    return runtime, engine, logger


def calibrator(trt: Any, driver: Driver, shape: tuple[int, ...]) -> Any:
    """Return an entropy calibrator with tiles similar to the check tiles."""
    address = driver.allocate(int(np.prod((2, *shape[1:]))) * 4)
    left = iter(np.split(scene_tiles(shape[1], shape[2], 16), 8))

    class Tiles(trt.IInt8EntropyCalibrator2):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)

        def get_batch_size(self) -> int:
            return 2

        def get_batch(self, names: Any) -> list[int] | None:  # noqa: ARG002 - signature of TensorRT
            tiles = next(left, None)
            if tiles is None:
                return None
            driver.upload(address, np.ascontiguousarray(tiles))
            return [address]

        def read_calibration_cache(self) -> None:
            return None

        def write_calibration_cache(self, content: bytes) -> None:  # noqa: ARG002
            return None

    return Tiles()


def measure_tensorrt(net: Net, precision: str, setting: Setting, report: Report, tactics: str) -> None:
    """Measure TensorRT in a precision, with tiles in device memory."""
    try:
        import tensorrt as trt
    except (ImportError, OSError) as error:
        report.skip(f"TensorRT: {error}")
        return
    driver = Driver()
    shape = (setting.at_once, net.bands, net.tile, net.tile)
    built = build_engine(trt, driver, net.path, precision, shape, tactics)
    rate, scores = run_engine(trt, built[1], driver, shape, setting)
    pair = (None, None) if net.scores is None else agreement(net.scores, scores)
    report.add(Row(net.name, f"TensorRT {trt.__version__}", precision, rate, shape[0], *net.work, *pair))


def run_engine(
    trt: Any, engine: Any, driver: Driver, shape: tuple[int, ...], setting: Setting
) -> tuple[float, np.ndarray]:
    """Return tiles per second, and the scores of the check tiles."""
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    names.sort(key=lambda name: engine.get_tensor_mode(name) != trt.TensorIOMode.INPUT)
    context = engine.create_execution_context()
    if context is None:
        raise RuntimeError("the device has too little memory to run the engine")
    planes = engine.get_tensor_shape(names[1])[1]
    given = driver.allocate(int(np.prod(shape)) * 4)
    found = driver.allocate(shape[0] * planes * shape[2] * shape[3] * 4)
    out = np.empty((min(2, shape[0]), planes, *shape[2:]), np.float32)

    def run() -> None:
        if not context.execute_async_v3(driver.stream.value):
            raise RuntimeError("the engine does not run")

    try:
        for number in (len(out), shape[0]):
            driver.upload(given, scene_tiles(shape[1], shape[2], number))
            context.set_input_shape(names[0], (number, *shape[1:]))
            context.set_tensor_address(names[0], given)
            context.set_tensor_address(names[1], found)
            if number == len(out):
                run()
                driver.wait()
                driver.download(out, found)
        return rate_of(run, driver.wait, shape[0], setting.seconds), out
    finally:
        driver.free(given)
        driver.free(found)


def has_driver() -> bool:
    """Return whether NVIDIA's driver is available."""
    try:
        Driver()
    except (OSError, RuntimeError):
        return False
    return True
