"""A stand-in for NVIDIA's `tensorrt` module, for machines without a GPU: engines run in onnxruntime.

It has the names, signatures and refusals that geoseg uses, as versions 8.5, 10 and 11 have them. Runs are
queued on the stand-in driver's streams (`cuda_stand_in.c`), and memory is read and written at the addresses
that were set, so that the order of copies and runs is put to the test. It says nothing of TensorRT's speed or
rounding.
"""

from __future__ import annotations

import ctypes
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx
import onnxruntime

NEWEST = {8: 17, 10: 20, 11: 24}
CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class ILogger(ABC):
    """Base of loggers."""

    def __init__(self) -> None:
        self.ready = True

    @abstractmethod
    def log(self, severity: str, message: str) -> None:
        """Hear a message."""


class IInt8EntropyCalibrator2:
    """Base of calibrators."""

    def __init__(self) -> None:
        self.ready = True


class Network:
    def __init__(self) -> None:
        self.model: Any = None
        self.outputs: list[Any] = []

    @property
    def num_inputs(self) -> int:
        return len(self.model.graph.input)

    @property
    def num_outputs(self) -> int:
        return len(self.outputs)

    def get_input(self, index: int) -> Any:
        return self.model.graph.input[index]

    def get_output(self, index: int) -> Any:
        return self.outputs[index]

    def unmark_output(self, tensor: Any) -> None:
        self.outputs.remove(tensor)


class Parser:
    def __init__(self, network: Network, logger: ILogger, newest: int) -> None:
        self._network, self._logger, self._newest = network, logger, newest
        self.errors: list[str] = []

    @property
    def num_errors(self) -> int:
        return len(self.errors)

    def get_error(self, index: int) -> Any:
        return SimpleNamespace(desc=lambda: self.errors[index], code=lambda: "ErrorCode.UNSUPPORTED_NODE")

    def parse(self, content: bytes, path: str | None = None) -> bool:
        model = onnx.load_from_string(content)
        opset = next(entry.version for entry in model.opset_import if not entry.domain)
        if opset > self._newest:
            self.errors.append(f"opset {opset} is newer than {self._newest}")
        kinds = {node.op_type for node in model.graph.node}
        self.errors += [f"no importer for {kind}" for kind in kinds & {"Celu", "Unique"}]
        self._network.model, self._network.outputs = model, list(model.graph.output)
        return not self.errors


class Config:
    def __init__(self) -> None:
        self.flags: set[str] = {"TF32"}
        self.int8_calibrator: Any = None
        self.profile: Any = None
        self.calibration: Any = None
        self.tactics: int | None = None
        self.cache = b""

    def set_flag(self, flag: str) -> None:
        self.flags.add(flag)

    def clear_flag(self, flag: str) -> None:
        self.flags.discard(flag)

    def add_optimization_profile(self, profile: Any) -> int:
        self.profile = profile
        return 0

    def set_calibration_profile(self, profile: Any) -> bool:
        self.calibration = profile
        return True

    def create_timing_cache(self, content: bytes) -> Any:
        return SimpleNamespace(serialize=lambda: content + b"measured;")

    def set_timing_cache(self, cache: Any, ignore_mismatch: bool) -> bool:
        self._timing = cache
        return not ignore_mismatch

    def get_timing_cache(self) -> Any:
        return self._timing

    def set_tactic_sources(self, sources: int) -> bool:
        self.tactics = sources
        return True


class Profile:
    def __init__(self) -> None:
        self.shapes: dict[str, list[list[int]]] = {}

    def set_shape(self, name: str, *shapes: Sequence[int]) -> None:
        self.shapes[name] = [list(shape) for shape in shapes]


class Builder:
    builds: list[dict[str, Any]] = []
    """What was built, over all builders."""

    def __init__(self, module: Any, logger: ILogger) -> None:
        assert logger.ready
        self._module, self._logger = module, logger

    def create_network(self, flags: int) -> Network:
        if self._module.major < 10:
            assert flags == 1, "before 10, only explicit batches take dynamic shapes"
        return Network()

    def create_builder_config(self) -> Config:
        return Config()

    def create_optimization_profile(self) -> Profile:
        return Profile()

    def build_serialized_network(self, network: Network, config: Config) -> Any:
        port = network.get_input(0)
        assert port.name in config.profile.shapes, "a free batch needs a profile"
        ranges = 0.0
        if "INT8" in config.flags and config.int8_calibrator is not None:
            assert config.calibration is not None, "free batches need a profile for calibration"
            ranges = _calibrate(config.int8_calibrator, config.calibration.shapes[port.name][1])
        if network.get_output(0).name == "unbuildable":
            self._logger.log("Severity.ERROR", "no kernel for\n the network")
            return None
        told = {
            "version": self._module.__version__,
            "flags": sorted(config.flags),
            "profile": config.profile.shapes[port.name],
            "output": network.get_output(0).name,
            "range": ranges,
            "tactics": config.tactics,
        }
        self.builds.append(told)
        return memoryview(json.dumps(told).encode() + b"\0" + network.model.SerializeToString())


def _calibrate(source: Any, shape: list[int]) -> float:
    """The greatest value of all batches, read where the calibrator put them."""
    assert source.get_batch_size() == shape[0]
    greatest = 0.0
    while (addresses := source.get_batch(["image"])) is not None:
        greatest = max(greatest, float(np.abs(_at(addresses[0], tuple(shape))).max()))
    return greatest


def _at(address: int, shape: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(shape)) * 4
    content = memoryview((ctypes.c_char * size).from_address(address)).cast("B")
    return np.frombuffer(content, np.float32).reshape(shape)


class Engine:
    num_io_tensors = 2

    def __init__(self, module: Any, told: dict[str, Any], content: bytes) -> None:
        self._module, self.told = module, told
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        # ONNX Runtime replaces quantised operators by those of integers, which overflow on processors without
        # VNNI; TensorRT's do not.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.names = [self.session.get_inputs()[0].name, told["output"]]

    def get_tensor_name(self, index: int) -> str:
        return str(self.names[index])

    def get_tensor_mode(self, name: str) -> str:
        return "INPUT" if name == self.names[0] else "OUTPUT"

    def get_tensor_dtype(self, name: str) -> str:
        return "DataType.FLOAT"

    def get_tensor_shape(self, name: str) -> list[int]:
        ports = [*self.session.get_inputs(), *self.session.get_outputs()]
        shape = next(port.shape for port in ports if port.name == name)
        return [size if isinstance(size, int) else -1 for size in shape]

    def create_execution_context(self) -> ExecutionContext:
        return ExecutionContext(self._module, self)


class ExecutionContext:
    def __init__(self, module: Any, engine: Engine) -> None:
        self._module, self._engine = module, engine
        self._shape: tuple[int, ...] = ()
        self._addresses: dict[str, int] = {}
        self._kept: list[Any] = []

    def set_input_shape(self, name: str, shape: Sequence[int]) -> bool:
        least, _, most = self._engine.told["profile"]
        fits = least[0] <= shape[0] <= most[0] and list(shape[1:]) == most[1:]
        self._shape = tuple(shape)
        return bool(name == self._engine.names[0] and fits)

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return name in self._engine.names and address != 0

    def execute_async_v3(self, stream: int) -> bool:
        """Queue a run; shape and addresses are those of now."""
        shape, given, found = self._shape, *(self._addresses[name] for name in self._engine.names)

        def run(_: object) -> None:
            tiles = _lowered(_at(given, shape), self._engine.told, self._module.levels)
            out = self._engine.session.run([self._engine.names[1]], {self._engine.names[0]: tiles})[0]
            _at(found, out.shape)[...] = out

        if stream == 0:
            run(None)
            return True
        callback = CALLBACK(run)
        self._kept.append(callback)
        library = self._module.driver()
        code: int = library.cuLaunchHostFunc(ctypes.c_void_p(stream), callback, None)
        return code == 0


def _lowered(tiles: np.ndarray, told: dict[str, Any], levels: int) -> np.ndarray:
    """Round the input as the precision would."""
    if "INT8" in told["flags"]:
        step = np.float32(told["range"] / levels)
        return np.asarray(np.clip(np.round(tiles / step), -levels, levels) * step, np.float32)
    return tiles.astype(np.float16).astype(np.float32) if "FP16" in told["flags"] else tiles


class Runtime:
    def __init__(self, module: Any, logger: ILogger) -> None:
        self._module = module

    def deserialize_cuda_engine(self, content: bytes) -> Engine | None:
        """None where the bytes are not of this version."""
        head, _, model = content.partition(b"\0")
        try:
            told = json.loads(head)
        except ValueError:
            return None
        return Engine(self._module, told, model) if told["version"] == self._module.__version__ else None


def make(version: str, driver: Any) -> ModuleType:
    """Make the module of a version: what a version lacks is not there.

    driver: gives the stand-in driver's library.
    """
    module: Any = ModuleType("tensorrt")
    major, minor = (int(part) for part in version.split(".")[:2])
    flags = ["TF32"]
    creation = {}
    if major < 11:
        flags += ["FP16", "INT8", *(["BF16"] if major >= 9 else [])]
        creation["EXPLICIT_BATCH"] = 0
        module.IInt8EntropyCalibrator2 = IInt8EntropyCalibrator2
    module.__spec__ = ModuleSpec("tensorrt", None)
    module.__version__, module.major, module.driver = version, major, driver
    module.levels = 127
    module.ILogger = ILogger
    module.BuilderFlag = SimpleNamespace(**{name: name for name in flags})
    module.NetworkDefinitionCreationFlag = SimpleNamespace(**creation)
    module.TensorIOMode = SimpleNamespace(INPUT="INPUT", OUTPUT="OUTPUT")
    newest = 24 if (major, minor) >= (10, 15) else NEWEST[major]
    module.Builder = lambda logger: Builder(module, logger)
    module.OnnxParser = lambda network, logger: Parser(network, logger, newest)
    module.Runtime = lambda logger: Runtime(module, logger)
    return module  # type: ignore[no-any-return]
