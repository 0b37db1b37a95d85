"""A bundle to a TensorRT engine: parsed by TensorRT itself, for a range of batches and one precision."""

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
from geoseg.runtimes.graph import Precision
from geoseg.runtimes.tensorrt.api import (
    Config,
    Network,
    ParserError,
    TensorRT,
    make_logger,
    started,
    version_of,
)
from geoseg.runtimes.tensorrt.int8_calibration import calibrator, quantised
from geoseg.runtimes.tensorrt.tensorrt_graph import graph_for

TACTICS = "GEOSEG_TENSORRT_TACTIC_SOURCES"
"""A number: the builder's tactic sources as bits. 0 where cuBLAS and cuDNN are not installed."""

FLAGS = {"fp16": "FP16", "bf16": "BF16", "int8": "INT8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be built."""

    weights: Path
    """The ONNX file."""
    input_name: str
    """Empty: the only one."""
    output_name: str
    """Empty: the first."""
    shape: tuple[int, int, int]
    """Of one tile, in the graph's order of axes."""
    profile: tuple[int, int, int]
    """Least, usual and most tiles a call."""
    precision: Precision
    calibration: NDArray[np.float32] | None = None
    """Tiles (N, ...) for int8, in the graph's order of axes."""
    timing_cache: Path
    """Of measured kernels, shared by all engines of a device; need not be there."""


def precisions(trt: TensorRT, capability: tuple[int, int]) -> tuple[Precision, ...]:
    """Return the precisions that a TensorRT and a device have."""
    typed = strongly_typed(trt)
    found: list[Precision] = ["fp32"]
    if typed or hasattr(trt.BuilderFlag, "FP16"):
        found.append("fp16")
    if capability >= (8, 0) and (typed or hasattr(trt.BuilderFlag, "BF16")):
        found.append("bf16")
    if capability >= (6, 1):
        found.append("int8")
    return tuple(found)


def strongly_typed(trt: TensorRT) -> bool:
    """Whether precision stands in the graph and not in flags: so from TensorRT 11 on."""
    return not hasattr(trt.BuilderFlag, "FP16")


def build(trt: TensorRT, plan: Plan) -> bytes:
    """Build an engine on the current device.

    Raises:
        ModelError: TensorRT cannot read or build the graph; its own words are in the message.
        RuntimeMissingError: it has not the precision, or a conversion needs a package.
    """
    logger = make_logger(trt)
    builder = started(trt.Builder, logger)
    network = builder.create_network(_creation_flags(trt))
    _parse(trt, plan, network, logger)
    config = builder.create_builder_config()
    held = _set_precision(trt, plan, config)
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
    held()
    if built is None:
        raise ModelError(
            f"{plan.weights}: TensorRT {trt.__version__} cannot build it in {plan.precision}: "
            f"{_last(logger.said)}; say --runtime torch"
        )
    _keep_timing_cache(plan.timing_cache, config)
    return bytes(memoryview(built))


def _creation_flags(trt: TensorRT) -> int:
    """Explicit batch for TensorRT before 10, which has no other since."""
    flags = trt.NetworkDefinitionCreationFlag
    return 1 << int(flags.EXPLICIT_BATCH) if hasattr(flags, "EXPLICIT_BATCH") else 0


def _parse(trt: TensorRT, plan: Plan, network: Network, logger: Any) -> None:
    """Read the graph, keep the one output, and see that there is one input."""
    typed = strongly_typed(trt)
    if plan.precision == "int8" and not hasattr(trt, "IInt8EntropyCalibrator2"):
        content = quantised(plan.weights, plan.calibration, plan.input_name)
    else:
        content = graph_for(plan.weights, version_of(trt), typed=plan.precision if typed else None)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(content):
        told = [_in_one_line(parser.get_error(index)) for index in range(parser.num_errors)]
        raise ModelError(
            f"{plan.weights}: TensorRT {trt.__version__} cannot read it: {_last([*logger.said, *told])}; "
            "geoseg models check names operators that it lacks; say --runtime torch"
        )
    if network.num_inputs != 1:
        names = ", ".join(network.get_input(index).name for index in range(network.num_inputs))
        raise ModelError(f"{plan.weights}: has inputs {names}; geoseg feeds one (N, C, H, W) image")
    outputs = [network.get_output(index) for index in range(network.num_outputs)]
    wanted = plan.output_name or outputs[0].name
    if wanted not in [tensor.name for tensor in outputs]:
        there = ", ".join(tensor.name for tensor in outputs)
        raise ModelError(f"{plan.weights}: has no output {wanted!r}; there is {there}")
    for tensor in outputs:
        if tensor.name != wanted:
            network.unmark_output(tensor)


def _in_one_line(error: ParserError) -> str:
    """The operator, where this TensorRT names it, what is wrong, and its kind: one alone may say nothing."""
    operator = f"{error.node_operator()}: " if hasattr(error, "node_operator") else ""
    kind = str(error.code()).rpartition(".")[2]
    return f"{operator}{error.desc().strip()} ({kind})"


def _set_precision(trt: TensorRT, plan: Plan, config: Config) -> Callable[[], None]:
    """Allow what the precision needs; returns what frees the memory of calibration."""
    if hasattr(trt.BuilderFlag, "TF32"):
        # On by default, it rounds what is called float32 to 10 bits.
        config.clear_flag(trt.BuilderFlag.TF32)
    if strongly_typed(trt) or plan.precision == "fp32":
        return lambda: None
    name = FLAGS[plan.precision]
    if not hasattr(trt.BuilderFlag, name):
        raise RuntimeMissingError(f"TensorRT {trt.__version__} has no {plan.precision}; say --precision auto")
    config.set_flag(getattr(trt.BuilderFlag, name))
    if plan.precision != "int8" or not hasattr(trt, "IInt8EntropyCalibrator2"):
        return lambda: None
    # What gains nothing from eight bits may take sixteen.
    config.set_flag(trt.BuilderFlag.FP16)
    source = calibrator(trt, plan.weights, plan.calibration, plan.profile[1])
    config.int8_calibrator = source
    return source.close  # type: ignore[no-any-return]


def _use_timing_cache(path: Path, config: Config) -> None:
    """Start from the kernels that earlier builds measured."""
    content = b""
    with suppress(OSError):
        content = path.read_bytes()
    cache = config.create_timing_cache(content)
    if cache is not None:
        config.set_timing_cache(cache, False)


def _keep_timing_cache(path: Path, config: Config) -> None:
    """Keep what this build measured. Losing it costs minutes, so a full disk is no error here."""
    cache = config.get_timing_cache()
    if cache is None:
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with suppress(OSError):
        beside.write_bytes(bytes(memoryview(cache.serialize())))
        beside.replace(path)


def _last(said: list[str]) -> str:
    """The last words, on one line."""
    return " ".join(said[-1].split()) if said else "it does not say why"
