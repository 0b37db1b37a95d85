"""NVIDIA's TensorRT: its import, its version, and its start with a logger that keeps messages.

The calls that geoseg makes are common to TensorRT 8.5 to 11; callers check with `hasattr` for those of some
versions only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from geoseg.errors import RuntimeMissingError

Made = TypeVar("Made")

REMEDY = "pip install 'geoseg[tensorrt]'"


TensorRT = Any
"""The module `tensorrt`. NVIDIA publishes no types that hold for all of its versions."""


def import_tensorrt() -> TensorRT:
    """Import TensorRT.

    Raises:
        RuntimeMissingError: TensorRT is not installed, or one of its libraries is missing.
    """
    try:
        return import_module("tensorrt")
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

    class Collecting(trt.ILogger):  # type: ignore[misc]
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
