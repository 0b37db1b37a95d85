"""Types for the part of NVIDIA's TensorRT that geoseg uses; type checks do not need its package.

The calls are common to TensorRT 8.5 to 11; callers check with `hasattr` for those of some versions only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol, TypeVar, cast

from geoseg.errors import RuntimeMissingError

Made = TypeVar("Made")

REMEDY = "pip install 'geoseg[tensorrt]'"


class Tensor(Protocol):
    """An input or output of a network definition."""

    name: str
    shape: Sequence[int]


class Network(Protocol):
    """`INetworkDefinition`."""

    num_inputs: int
    num_outputs: int

    def get_input(self, index: int) -> Tensor:
        """Return an input."""

    def get_output(self, index: int) -> Tensor:
        """Return an output."""

    def unmark_output(self, tensor: Tensor) -> None:
        """Remove a tensor from the outputs."""


class ParserError(Protocol):
    """`IParserError`."""

    def desc(self) -> str:
        """Return the message."""

    def code(self) -> Any:
        """Return the error code."""

    def node_operator(self) -> str:
        """Return the operator; from TensorRT 9 on."""


class Parser(Protocol):
    """`OnnxParser`."""

    num_errors: int

    def parse(self, model: bytes, path: str) -> bool:
        """Read the content of an ONNX file into the network; external data lie beside its path."""

    def get_error(self, index: int) -> ParserError:
        """Return an error."""


class Profile(Protocol):
    """`IOptimizationProfile`."""

    def set_shape(self, name: str, least: Sequence[int], usual: Sequence[int], most: Sequence[int]) -> object:
        """Set the range of the shape of an input."""


class TimingCache(Protocol):
    """`ITimingCache`."""

    def serialize(self) -> Any:
        """Return its bytes, as a buffer."""


class Config(Protocol):
    """`IBuilderConfig`."""

    int8_calibrator: Any

    def set_flag(self, flag: Any) -> None:
        """Set a builder flag."""

    def clear_flag(self, flag: Any) -> None:
        """Clear a builder flag."""

    def add_optimization_profile(self, profile: Profile) -> int:
        """Add a range of shapes."""

    def set_calibration_profile(self, profile: Profile) -> bool:
        """Set the shapes for the calibration of int8; until TensorRT 10."""

    def create_timing_cache(self, content: bytes) -> TimingCache:
        """Create a cache of measured kernels."""

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        """Use a cache of measured kernels."""

    def get_timing_cache(self) -> TimingCache | None:
        """Return the cache in use."""

    def set_tactic_sources(self, sources: int) -> bool:
        """Set the libraries from which kernels are chosen."""


class Builder(Protocol):
    """`Builder`."""

    def create_network(self, flags: int) -> Network:
        """Create an empty network."""

    def create_builder_config(self) -> Config:
        """Create a configuration."""

    def create_optimization_profile(self) -> Profile:
        """Create an optimization profile."""

    def build_serialized_network(self, network: Network, config: Config) -> Any:
        """Build an engine; None on failure."""


class ExecutionContext(Protocol):
    """`IExecutionContext`."""

    def set_input_shape(self, name: str, shape: Sequence[int]) -> bool:
        """Set the shape of an input."""

    def set_tensor_address(self, name: str, address: int) -> bool:
        """Set the address of a tensor on the device."""

    def execute_async_v3(self, stream: int) -> bool:
        """Queue a run."""


class CudaEngine(Protocol):
    """`ICudaEngine`."""

    num_io_tensors: int

    def get_tensor_name(self, index: int) -> str:
        """Return the name of an input or output."""

    def get_tensor_mode(self, name: str) -> Any:
        """Return whether it is an input or an output."""

    def get_tensor_shape(self, name: str) -> Sequence[int]:
        """Return its shape, -1 for a variable size."""

    def get_tensor_dtype(self, name: str) -> Any:
        """Return its element type."""

    def create_execution_context(self) -> ExecutionContext | None:
        """Create an execution context; None if memory is too small."""


class Runtime(Protocol):
    """`Runtime`."""

    def deserialize_cuda_engine(self, content: bytes) -> CudaEngine | None:
        """Load an engine; None if it was built by another version or for another device."""


class TensorRT(Protocol):
    """The module `tensorrt`."""

    __version__: str
    ILogger: Any
    BuilderFlag: Any
    NetworkDefinitionCreationFlag: Any
    TensorIOMode: Any
    IInt8EntropyCalibrator2: Any
    """Until TensorRT 10."""

    def Builder(self, logger: Any) -> Builder:  # noqa: N802 - its own name
        """Create a builder."""

    def OnnxParser(self, network: Network, logger: Any) -> Parser:  # noqa: N802 - its own name
        """Create a parser for a network."""

    def Runtime(self, logger: Any) -> Runtime:  # noqa: N802 - its own name
        """Create a runtime, which loads engines."""


def import_tensorrt() -> TensorRT:
    """Import TensorRT.

    Raises:
        RuntimeMissingError: TensorRT is not installed, or one of its libraries is missing.
    """
    try:
        return cast(TensorRT, import_module("tensorrt"))
    except (ImportError, OSError) as error:
        raise RuntimeMissingError(f"tensorrt cannot be imported ({error}): {REMEDY}") from error


def version_of(trt: TensorRT) -> tuple[int, int]:
    """Return the major and minor version number."""
    numbers = [int(part) for part in re.findall(r"\d+", trt.__version__)[:2]]
    return (numbers[0], numbers[1] if len(numbers) > 1 else 0)


def started(make: Callable[[Any], Made], logger: Any) -> Made:
    """Create a builder or runtime of TensorRT.

    Raises:
        RuntimeMissingError: TensorRT cannot start CUDA; it returns a null pointer, which raises `TypeError`.
    """
    try:
        return make(logger)
    except TypeError as error:
        lines = logger.errors or logger.warnings
        why = " ".join(lines[-1].split()) if lines else str(error)
        raise RuntimeMissingError(
            f"TensorRT cannot start CUDA ({why}); the driver may be too old: nvidia-smi shows its version"
        ) from error


def make_logger(trt: TensorRT) -> Any:
    """Create a logger that collects messages of TensorRT for error messages, and prints nothing."""

    class Collecting(trt.ILogger):  # type: ignore[misc, name-defined]
        """Collects errors and warnings."""

        def __init__(self) -> None:
            """Start empty."""
            trt.ILogger.__init__(self)
            self.errors: list[str] = []
            self.warnings: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            """Collect an error or warning; a driver that is too old gives only a warning."""
            kind = str(severity).rpartition(".")[2]
            if kind in {"INTERNAL_ERROR", "ERROR"}:
                self.errors.append(str(message).strip())
            elif kind == "WARNING":
                self.warnings.append(str(message).strip())

    return Collecting()
