"""TensorRT: the fastest on NVIDIA devices. An engine is built once for a model and device, and kept.

It needs TensorRT and a driver, and nothing else: neither torch nor CUDA's own Python packages.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.runtimes import cuda
from geoseg.runtimes.engines import EngineKey, EngineStore
from geoseg.runtimes.graph import DeviceGraph, Port, RuntimeStatus, Wanted, check_ports
from geoseg.runtimes.tensorrt.api import (
    REMEDY,
    Engine,
    TensorRT,
    import_tensorrt,
    make_logger,
    started,
    version_of,
)
from geoseg.runtimes.tensorrt.engine_build import Plan, build, precisions
from geoseg.runtimes.tensorrt.int8_calibration import digest_of
from geoseg.runtimes.tensorrt.tensorrt_operators import OLDEST
from geoseg.runtimes.tensorrt.tensorrt_run import TensorRtGraph
from geoseg.spec import ModelSpec
from geoseg.spec.layouts import as_ordered, to_graph

NAME = "tensorrt"
USUAL_BATCH, MOST_BATCH = 4, 16
"""Tiles a run where nothing else is said: what kernels are chosen for, and the most that a run may carry."""

CALIBRATION_TILES = 512
"""Most tiles that int8 is calibrated on."""


def status() -> RuntimeStatus:
    """Say whether TensorRT can be used, and in which precisions."""
    if find_spec(NAME) is None:
        return RuntimeStatus(name=NAME, why_not="is not installed", remedy=REMEDY)
    try:
        trt = import_tensorrt()
        _check_version(trt)
        found = cuda.gpus()
    except RuntimeMissingError as error:
        text = str(error).removeprefix(f"{NAME} ").removesuffix(f": {REMEDY}")
        mend = REMEDY if "cannot be imported" in text or "older" in text else "nvidia-smi"
        return RuntimeStatus(name=NAME, why_not=text, remedy=mend)
    return RuntimeStatus(
        name=NAME,
        version=trt.__version__,
        devices=tuple(f"cuda:{gpu.index}" for gpu in found),
        cuda_precisions=precisions(trt, found[0].capability),
    )


def _check_version(trt: TensorRT) -> None:
    if version_of(trt) < OLDEST:
        raise RuntimeMissingError(
            f"{NAME} {trt.__version__} is older than {'.'.join(map(str, OLDEST))}: {REMEDY}"
        )


def load(spec: ModelSpec, wanted: Wanted) -> DeviceGraph:
    """Load a network's engine, building it first where it is not in the cache.

    Raises:
        ModelError: TensorRT cannot read or build the network, or it does not fit its description.
        RuntimeMissingError: TensorRT, the device or the precision is not there.
        OutputError: the cache cannot be written.
    """
    return load_with_record(spec, wanted)[0]


def load_with_record(spec: ModelSpec, wanted: Wanted) -> tuple[DeviceGraph, EngineKey, dict[str, JsonValue]]:
    """Load as `load` does; also return the engine's key and what is recorded beside it."""
    if wanted.device == "cpu":
        raise RuntimeMissingError(
            "tensorrt runs on CUDA devices only; say --runtime openvino or onnxruntime for the CPU"
        )
    trt = import_tensorrt()
    _check_version(trt)
    gpu = cuda.gpu_of(wanted.device)
    if wanted.precision not in precisions(trt, gpu.capability):
        has = ", ".join(precisions(trt, gpu.capability))
        raise RuntimeMissingError(
            f"TensorRT {trt.__version__} has no {wanted.precision} on {gpu.text}, only {has}; say "
            "--precision auto"
        )
    fixed = spec.fixed_batch
    said = fixed or wanted.batch
    profile = (fixed or 1, said or USUAL_BATCH, said or MOST_BATCH)
    store = EngineStore()
    tiles = wanted.check[:CALIBRATION_TILES] if wanted.check is not None else None
    key = EngineKey(
        model=spec.name,
        sha256=spec.sha256.lower() or _sha256(spec.weights),
        tensorrt=trt.__version__,
        gpu=gpu.name,
        capability=gpu.capability,
        precision=wanted.precision,
        profile=profile,
        tile=wanted.tile,
    )
    context = cuda.Context(gpu)
    context.use()
    # Kept as long as the engine: engines are gone with the runtime that loaded them.
    runtime = started(trt.Runtime, make_logger(trt))
    major, minor = gpu.capability
    plan = Plan(
        weights=spec.weights,
        input_name=spec.input_name,
        output_name=spec.output_name,
        shape=as_ordered((1, len(spec.bands), wanted.tile, wanted.tile), spec.dim_order)[1:],
        profile=profile,
        precision=wanted.precision,
        calibration=None
        if tiles is None
        else np.ascontiguousarray(tiles.transpose(to_graph(spec.dim_order))),
        timing_cache=store.folder / f"timing-{trt.__version__}-sm{major}{minor}.cache",
    )
    engine, record = store.open(
        key,
        runtime.deserialize_cuda_engine,
        lambda: (build(trt, plan), {"calibration": digest_of(tiles) if wanted.precision == "int8" else ""}),
        wanted.tell,
    )
    text = f"tensorrt {trt.__version__}, cuda:{gpu.index} {gpu.name}, {wanted.precision}"
    graph = _graph(trt, engine, context, spec, wanted, profile=profile, text=text, index=gpu.index)
    graph.keep(runtime, lambda more: store.amend(key, more))
    return graph, key, record


def _graph(
    trt: TensorRT,
    engine: Engine,
    context: cuda.Context,
    spec: ModelSpec,
    wanted: Wanted,
    *,
    profile: tuple[int, int, int],
    text: str,
    index: int,
) -> TensorRtGraph:
    """Make an engine ready to run, and see that it fits the description."""
    names = [engine.get_tensor_name(place) for place in range(engine.num_io_tensors)]
    inputs = [_port(engine, name) for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
    outputs = [
        _port(engine, name) for name in names if engine.get_tensor_mode(name) != trt.TensorIOMode.INPUT
    ]
    ports = check_ports(spec, inputs, outputs, wanted.tile)
    planes = (ports.output.shape or (None, None))[1]
    if planes is None:
        raise ModelError(
            f"{spec.weights}: TensorRT cannot tell how many planes it gives; say --runtime torch"
        )
    side = wanted.tile
    return TensorRtGraph(
        engine,
        context,
        ports,
        device=f"cuda:{index}",
        profile=profile,
        shapes=(
            ports.input.sizes(1, len(spec.bands), side)[1:],
            ports.output.sizes(1, planes, side)[1:],
        ),
        description=text,
    )


def _port(engine: Engine, name: str) -> Port:
    kind = str(engine.get_tensor_dtype(name)).rpartition(".")[2].lower()
    dtype = {"float": "float32", "half": "float16"}.get(kind, kind)
    shape = tuple(size if size > 0 else None for size in engine.get_tensor_shape(name))
    return Port(name=name, dtype=dtype, shape=shape)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
