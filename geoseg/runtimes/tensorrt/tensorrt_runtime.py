"""TensorRT: the fastest runtime on NVIDIA devices. It builds and stores one engine per model and device.

It needs only TensorRT and a driver, neither torch nor the Python packages of CUDA.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
from pydantic import JsonValue

from geoseg.bundles.external_data import weights_identity
from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes import cuda
from geoseg.runtimes.engines import EngineKey, EngineStore
from geoseg.runtimes.graph import LoadRequest, Port, RuntimeStatus, check_ports
from geoseg.runtimes.tensorrt.api import REMEDY, TensorRT, import_tensorrt, make_logger, started, version_of
from geoseg.runtimes.tensorrt.device_work import DeviceContext
from geoseg.runtimes.tensorrt.engine_build import EnginePlan, build, precisions
from geoseg.runtimes.tensorrt.int8_calibration import digest_of
from geoseg.runtimes.tensorrt.tensorrt_operators import OLDEST
from geoseg.runtimes.tensorrt.tensorrt_run import TensorRtGraph
from geoseg.spec.layouts import as_ordered, to_graph

NAME = "tensorrt"
USUAL_BATCH, MOST_BATCH = 4, 16
"""Default tiles per run: the number for which kernels are chosen, and the largest number."""

CALIBRATION_TILES = 512
"""Largest number of tiles for the calibration of int8."""


def status() -> RuntimeStatus:
    """Return whether TensorRT can be used, and in which precisions."""
    if find_spec(NAME) is None:
        return RuntimeStatus(name=NAME, why_not="is not installed", remedy=REMEDY)
    try:
        trt = import_tensorrt()
        _check_version(trt)
        devices = cuda.gpus()
    except RuntimeMissingError as error:
        text = str(error).removeprefix(f"{NAME} ").removesuffix(f": {REMEDY}")
        remedy = REMEDY if "cannot be imported" in text or "older" in text else "nvidia-smi"
        return RuntimeStatus(name=NAME, why_not=text, remedy=remedy)
    return RuntimeStatus(
        name=NAME,
        version=trt.__version__,
        devices=tuple(f"cuda:{gpu.index}" for gpu in devices),
        cuda_precisions=precisions(trt, devices[0].capability),
    )


def _check_version(trt: TensorRT) -> None:
    if version_of(trt) < OLDEST:
        raise RuntimeMissingError(
            f"{NAME} {trt.__version__} is older than {'.'.join(map(str, OLDEST))}: {REMEDY}"
        )


def load(request: LoadRequest) -> TensorRtGraph:
    """Load the engine of a network; build it first if it is not in the cache.

    Raises:
        ModelError: TensorRT cannot read or build the network, or it does not fit its description.
        RuntimeMissingError: TensorRT, the device or the precision is not available.
        OutputError: the cache cannot be written.
    """
    return load_with_record(request)[0]


def load_with_record(request: LoadRequest) -> tuple[TensorRtGraph, EngineKey, dict[str, JsonValue]]:
    """Load as `load` does; also return the key and the record of the engine."""
    if request.device == "cpu":
        raise RuntimeMissingError(
            "tensorrt runs on CUDA devices only; use `--runtime openvino` or onnxruntime for the CPU"
        )
    spec, precision = request.spec, request.precision
    trt = import_tensorrt()
    _check_version(trt)
    gpu = cuda.gpu_of(request.device)
    if precision not in precisions(trt, gpu.capability):
        has = ", ".join(precisions(trt, gpu.capability))
        raise RuntimeMissingError(
            f"TensorRT {trt.__version__} has no {precision} on {gpu.text}, only {has}; use `--precision auto`"
        )
    fixed = spec.fixed_batch
    batch = fixed or request.batch
    profile = (fixed or 1, batch or USUAL_BATCH, batch or MOST_BATCH)
    store = EngineStore()
    tiles = request.check[:CALIBRATION_TILES] if request.check is not None else None
    key = EngineKey(
        model=spec.name,
        sha256=weights_identity(spec),
        tensorrt=trt.__version__,
        gpu=gpu.name,
        capability=gpu.capability,
        precision=precision,
        profile=profile,
        tile=request.tile,
    )
    context = DeviceContext(gpu)
    context.use()
    # The runtime must live as long as the engines that it loaded.
    runtime = started(trt.Runtime, make_logger(trt))
    major, minor = gpu.capability
    plan = EnginePlan(
        weights=spec.weights,
        input_name=spec.input_name,
        output_name=spec.output_name,
        shape=as_ordered((1, spec.channels, request.tile, request.tile), spec.dim_order)[1:],
        profile=profile,
        precision=precision,
        calibration=None
        if tiles is None
        else np.ascontiguousarray(tiles.transpose(to_graph(spec.dim_order))),
        timing_cache=store.folder / f"timing-{trt.__version__}-sm{major}{minor}.cache",
    )
    engine, record = store.open(
        key,
        runtime.deserialize_cuda_engine,
        lambda: (build(trt, plan), {"calibration": digest_of(tiles) if precision == "int8" else ""}),
        request.report,
    )
    graph = _graph(trt, engine, context, request, gpu=gpu, profile=profile)
    graph.attach(runtime, lambda more: store.amend(key, more))
    return graph, key, record


def _graph(
    trt: TensorRT,
    engine: Any,
    context: DeviceContext,
    request: LoadRequest,
    *,
    gpu: cuda.Gpu,
    profile: tuple[int, int, int],
) -> TensorRtGraph:
    """Prepare an engine for runs, and check it against the description."""
    spec, side = request.spec, request.tile
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    inputs = [_port(engine, name) for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
    outputs = [
        _port(engine, name) for name in names if engine.get_tensor_mode(name) != trt.TensorIOMode.INPUT
    ]
    ports = check_ports(spec, inputs, outputs, side)
    planes = (ports.output.shape or (None, None))[1]
    if planes is None:
        raise ModelError(
            f"{spec.weights}: TensorRT does not state the number of output planes; use "
            "`--runtime onnxruntime`"
        )
    return TensorRtGraph(
        engine,
        context,
        ports,
        device=f"cuda:{gpu.index}",
        profile=profile,
        shapes=(
            ports.input.sizes(1, spec.channels, side)[1:],
            ports.output.sizes(1, planes, side)[1:],
        ),
        description=f"tensorrt {trt.__version__}, cuda:{gpu.index} {gpu.name}, {request.precision}",
    )


def _port(engine: Any, name: str) -> Port:
    kind = str(engine.get_tensor_dtype(name)).rpartition(".")[2].lower()
    dtype = {"float": "float32", "half": "float16"}.get(kind, kind)
    shape = tuple(size if size > 0 else None for size in engine.get_tensor_shape(name))
    return Port(name=name, dtype=dtype, shape=shape)
