"""Builds of a TensorRT engine from an ONNX file, for a range of batch sizes and one precision."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.files.onnx_files import DATA
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.runtimes.graph import Precision
from geoseg.runtimes.tensorrt.api import TensorRT, make_logger, started, version_of
from geoseg.runtimes.tensorrt.int8_calibration import calibrator, quantised
from geoseg.runtimes.tensorrt.tensorrt_graph import graph_for

TACTICS = "GEOSEG_TENSORRT_TACTIC_SOURCES"
"""Environment variable: the builder's tactic sources as bits; 0 if cuBLAS and cuDNN are not installed."""

FLAGS = {"fp16": "FP16", "bf16": "BF16", "int8": "INT8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePlan:
    """Input of an engine build."""

    weights: Path
    """The ONNX file."""
    input_name: str
    """Name of the input; empty: the only one."""
    output_name: str
    """Name of the output; empty: the first one."""
    shape: tuple[int, int, int]
    """Shape of one tile in the graph's order of axes."""
    profile: tuple[int, int, int]
    """Smallest, usual and largest number of tiles per call."""
    precision: Precision
    calibration: NDArray[np.float32] | None = None
    """Tiles (N, ...) for the calibration of int8, in the graph's order of axes."""
    timing_cache: Path
    """File of measured kernels, common to all engines of a device; may not exist yet."""


def precisions(trt: TensorRT, capability: tuple[int, int]) -> tuple[Precision, ...]:
    """Return the precisions that a version of TensorRT and a device support."""
    typed = strongly_typed(trt)
    supported: list[Precision] = ["fp32"]
    if typed or hasattr(trt.BuilderFlag, "FP16"):
        supported.append("fp16")
    if capability >= (8, 0) and (typed or hasattr(trt.BuilderFlag, "BF16")):
        supported.append("bf16")
    if capability >= (6, 1):
        supported.append("int8")
    return tuple(supported)


def strongly_typed(trt: TensorRT) -> bool:
    """Return whether the graph states the precision instead of builder flags, as from TensorRT 11 on."""
    return not hasattr(trt.BuilderFlag, "FP16")


def build(trt: TensorRT, plan: EnginePlan) -> bytes:
    """Build an engine on the current device.

    Raises:
        ModelError: TensorRT cannot read or build the graph; its message is included.
        RuntimeMissingError: TensorRT lacks the precision, or a conversion needs a package.
    """
    logger = make_logger(trt)
    builder = started(trt.Builder, logger)
    # TensorRT before 10 needs the flag of an explicit batch.
    flags = trt.NetworkDefinitionCreationFlag
    network = builder.create_network(
        1 << int(flags.EXPLICIT_BATCH) if hasattr(flags, "EXPLICIT_BATCH") else 0
    )
    _parse(trt, plan, network, logger)
    config = builder.create_builder_config()
    release_calibration = _set_precision(trt, plan, config)
    tactics = os.environ.get(TACTICS)
    if tactics is not None:
        config.set_tactic_sources(int(tactics, 0))
    profile = builder.create_optimization_profile()
    shapes = [(count, *plan.shape) for count in plan.profile]
    profile.set_shape(network.get_input(0).name, *shapes)
    config.add_optimization_profile(profile)
    if hasattr(config, "set_calibration_profile"):
        config.set_calibration_profile(profile)
    _use_timing_cache(plan.timing_cache, config)
    built = builder.build_serialized_network(network, config)
    release_calibration()
    if built is None:
        raise ModelError(
            f"{plan.weights}: TensorRT {trt.__version__} cannot build it in {plan.precision}: "
            f"{_last(logger.errors)}; use `--runtime onnxruntime`"
        )
    _write_timing_cache(plan.timing_cache, config)
    return bytes(memoryview(built))


def _parse(trt: TensorRT, plan: EnginePlan, network: Any, logger: Any) -> None:
    """Read the graph, select the output, and check that there is one input."""
    parser = trt.OnnxParser(network, logger)
    with scratch_folder() as scratch, scratching(scratch):
        if plan.precision == "int8" and not hasattr(trt, "IInt8EntropyCalibrator2"):
            content = quantised(plan.weights, plan.calibration, plan.input_name)
        else:
            typed = plan.precision if strongly_typed(trt) else None
            content = graph_for(plan.weights, version_of(trt), typed=typed, scratch=scratch)
        large = (scratch / DATA).is_file()
        understood = parser.parse(content, str(scratch / "model.onnx" if large else plan.weights))
    if not understood:
        problems = [_in_one_line(parser.get_error(index)) for index in range(parser.num_errors)]
        raise ModelError(
            f"{plan.weights}: TensorRT {trt.__version__} cannot read it: "
            f"{_last([*logger.errors, *problems])}; "
            "`geoseg models check` lists operators that it lacks; use `--runtime onnxruntime`"
        )
    if network.num_inputs != 1:
        names = ", ".join(network.get_input(index).name for index in range(network.num_inputs))
        raise ModelError(
            f"{plan.weights}: the graph has the inputs {names}; geoseg passes one (N, C, H, W) image"
        )
    outputs = [network.get_output(index) for index in range(network.num_outputs)]
    wanted = plan.output_name or outputs[0].name
    if wanted not in [tensor.name for tensor in outputs]:
        names = ", ".join(tensor.name for tensor in outputs)
        raise ModelError(f"{plan.weights}: the graph has no output {wanted!r}; it has {names}")
    for tensor in outputs:
        if tensor.name != wanted:
            network.unmark_output(tensor)


def _in_one_line(error: Any) -> str:
    """Return the operator if this version names it, the message and the error code of a parser error."""
    operator = f"{error.node_operator()}: " if hasattr(error, "node_operator") else ""
    kind = str(error.code()).rpartition(".")[2]
    return f"{operator}{error.desc().strip()} ({kind})"


def _set_precision(trt: TensorRT, plan: EnginePlan, config: Any) -> Callable[[], None]:
    """Set the builder flags of a precision; return a function that frees the memory of calibration."""
    if hasattr(trt.BuilderFlag, "TF32"):
        # It is on by default, and rounds float32 to 10 bits.
        config.clear_flag(trt.BuilderFlag.TF32)
    if strongly_typed(trt) or plan.precision == "fp32":
        return lambda: None
    name = FLAGS[plan.precision]
    if not hasattr(trt.BuilderFlag, name):
        raise RuntimeMissingError(
            f"TensorRT {trt.__version__} has no {plan.precision}; use `--precision auto`"
        )
    config.set_flag(getattr(trt.BuilderFlag, name))
    if plan.precision != "int8" or not hasattr(trt, "IInt8EntropyCalibrator2"):
        return lambda: None
    # Layers that gain nothing from eight bits may use sixteen.
    config.set_flag(trt.BuilderFlag.FP16)
    source = calibrator(trt, plan.weights, plan.calibration, plan.profile[1])
    config.int8_calibrator = source
    return source.close  # type: ignore[no-any-return]


def _use_timing_cache(path: Path, config: Any) -> None:
    """Use the kernels that earlier builds measured."""
    content = b""
    with suppress(OSError):
        content = path.read_bytes()
    cache = config.create_timing_cache(content)
    if cache is not None:
        config.set_timing_cache(cache, False)


def _write_timing_cache(path: Path, config: Any) -> None:
    """Store the kernels that this build measured; a full disk is not an error: it costs minutes."""
    cache = config.get_timing_cache()
    if cache is None:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(OSError):
        temporary.write_bytes(bytes(memoryview(cache.serialize())))
        temporary.replace(path)


def _last(lines: list[str]) -> str:
    """Return the last message on one line."""
    return " ".join(lines[-1].split()) if lines else "it gives no reason"
