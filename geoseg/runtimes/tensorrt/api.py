"""What geoseg uses of NVIDIA's TensorRT, as types: its package is neither needed to check nor to import this.

The calls are those that TensorRT 8.5 to 11 share; what only some have is asked for with `hasattr`.
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
    """An input or output of a network that is being built."""

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
        """Make a tensor no output."""


class ParserError(Protocol):
    """`IParserError`."""

    def desc(self) -> str:
        """Say what is wrong."""

    def code(self) -> Any:
        """Name the kind of error."""

    def node_operator(self) -> str:
        """Name the operator; from 9 on."""


class Parser(Protocol):
    """`OnnxParser`."""

    num_errors: int

    def parse(self, model: bytes) -> bool:
        """Read a file's content into the network."""

    def get_error(self, index: int) -> ParserError:
        """Return an error."""


class Profile(Protocol):
    """`IOptimizationProfile`."""

    def set_shape(self, name: str, least: Sequence[int], usual: Sequence[int], most: Sequence[int]) -> object:
        """Bound the shape of an input."""


class TimingCache(Protocol):
    """`ITimingCache`."""

    def serialize(self) -> Any:
        """Return its bytes, as a buffer."""


class Config(Protocol):
    """`IBuilderConfig`."""

    int8_calibrator: Any

    def set_flag(self, flag: Any) -> None:
        """Allow something."""

    def clear_flag(self, flag: Any) -> None:
        """Forbid something."""

    def add_optimization_profile(self, profile: Profile) -> int:
        """Add bounds of shapes."""

    def set_calibration_profile(self, profile: Profile) -> bool:
        """Say with which shapes int8 is calibrated; until 10."""

    def create_timing_cache(self, content: bytes) -> TimingCache:
        """Make a cache of measured kernels."""

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        """Use it."""

    def get_timing_cache(self) -> TimingCache | None:
        """Return the one in use."""

    def set_tactic_sources(self, sources: int) -> bool:
        """Bound where kernels come from."""


class Builder(Protocol):
    """`Builder`."""

    def create_network(self, flags: int) -> Network:
        """Make an empty network."""

    def create_builder_config(self) -> Config:
        """Make a configuration."""

    def create_optimization_profile(self) -> Profile:
        """Make a profile."""

    def build_serialized_network(self, network: Network, config: Config) -> Any:
        """Build an engine; None where it cannot."""


class ExecutionContext(Protocol):
    """`IExecutionContext`."""

    def set_input_shape(self, name: str, shape: Sequence[int]) -> bool:
        """Fix the shape of an input."""

    def set_tensor_address(self, name: str, address: int) -> bool:
        """Say where a tensor lies on the device."""

    def execute_async_v3(self, stream: int) -> bool:
        """Queue a run."""


class Engine(Protocol):
    """`ICudaEngine`."""

    num_io_tensors: int

    def get_tensor_name(self, index: int) -> str:
        """Return the name of an input or output."""

    def get_tensor_mode(self, name: str) -> Any:
        """Say whether it is an input."""

    def get_tensor_shape(self, name: str) -> Sequence[int]:
        """Return its shape, -1 where it is free."""

    def get_tensor_dtype(self, name: str) -> Any:
        """Return its element type."""

    def create_execution_context(self) -> ExecutionContext | None:
        """Make what runs it; None where memory is short."""


class Runtime(Protocol):
    """`Runtime`."""

    def deserialize_cuda_engine(self, content: bytes) -> Engine | None:
        """Load an engine; None where it is of another version or device."""


class TensorRT(Protocol):
    """The module `tensorrt`."""

    __version__: str
    ILogger: Any
    BuilderFlag: Any
    NetworkDefinitionCreationFlag: Any
    TensorIOMode: Any
    IInt8EntropyCalibrator2: Any
    """Until 10."""

    def Builder(self, logger: Any) -> Builder:  # noqa: N802 - its own name
        """Make a builder."""

    def OnnxParser(self, network: Network, logger: Any) -> Parser:  # noqa: N802 - its own name
        """Make a parser for a network."""

    def Runtime(self, logger: Any) -> Runtime:  # noqa: N802 - its own name
        """Make what loads engines."""


def import_tensorrt() -> TensorRT:
    """Import TensorRT.

    Raises:
        RuntimeMissingError: it is not installed, or one of its libraries is missing.
    """
    try:
        return cast(TensorRT, import_module("tensorrt"))
    except (ImportError, OSError) as error:
        raise RuntimeMissingError(f"tensorrt cannot be imported ({error}): {REMEDY}") from error


def version_of(trt: TensorRT) -> tuple[int, int]:
    """Return major and minor number."""
    numbers = [int(part) for part in re.findall(r"\d+", trt.__version__)[:2]]
    return (numbers[0], numbers[1] if len(numbers) > 1 else 0)


def started(make: Callable[[Any], Made], logger: Any) -> Made:
    """Make a builder or runtime of TensorRT.

    Raises:
        RuntimeMissingError: TensorRT cannot start CUDA: it then gives a null pointer, as a `TypeError`.
    """
    try:
        return make(logger)
    except TypeError as error:
        said = logger.said or logger.warned
        why = " ".join(said[-1].split()) if said else str(error)
        raise RuntimeMissingError(
            f"TensorRT cannot start CUDA ({why}); is the driver as new as it needs? nvidia-smi tells"
        ) from error


def make_logger(trt: TensorRT) -> Any:
    """Make a logger that keeps what TensorRT says, for error messages, and prints nothing."""

    class Keeping(trt.ILogger):  # type: ignore[misc, name-defined]
        """Keeps errors and warnings."""

        def __init__(self) -> None:
            """Start with none."""
            trt.ILogger.__init__(self)
            self.said: list[str] = []
            self.warned: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            """Keep a message of weight; a driver that is too old is only warned of."""
            kind = str(severity).rpartition(".")[2]
            if kind in {"INTERNAL_ERROR", "ERROR"}:
                self.said.append(str(message).strip())
            elif kind == "WARNING":
                self.warned.append(str(message).strip())

    return Keeping()
