"""Calibration of int8: by TensorRT's entropy calibrator, or written into the graph before the build."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import ModelError, RuntimeMissingError
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.runtimes.tensorrt.api import TensorRT
from geoseg.runtimes.tensorrt.device_work import Buffer, Stream


def digest_of(tiles: NDArray[np.float32] | None) -> str:
    """Return the SHA-256 of calibration tiles; empty without tiles."""
    return "" if tiles is None else hashlib.sha256(np.ascontiguousarray(tiles).tobytes()).hexdigest()


def calibrator(trt: TensorRT, path: Path, tiles: NDArray[np.float32] | None, batch: int) -> Any:
    """Create TensorRT's entropy calibrator (`IInt8EntropyCalibrator2`) over tiles.

    Args:
        trt: TensorRT 8.5 to 10.
        path: the network, for messages.
        tiles: normalised tiles (N, C, tile, tile).
        batch: tiles per batch of the calibration.

    Raises:
        ModelError: there are no tiles.
    """
    if tiles is None or not len(tiles):
        raise ModelError(_no_tiles(path))
    calibration = np.ascontiguousarray(tiles)

    class Tiles(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        """Passes tiles in batches; tiles from the beginning fill the last batch."""

        def __init__(self) -> None:
            """Allocate memory for a batch."""
            trt.IInt8EntropyCalibrator2.__init__(self)
            size = batch * calibration[0].nbytes
            self._host, self._device = Buffer(size, pinned=True), Buffer(size, pinned=False)
            self._stream = Stream()
            self._next = 0

        def get_batch_size(self) -> int:
            """Return the number of tiles per batch."""
            return batch

        def get_batch(self, names: Sequence[str]) -> list[int] | None:
            """Copy the next batch to the device; None at the end."""
            del names
            if self._next >= len(calibration):
                return None
            indices = np.arange(self._next, self._next + batch) % len(calibration)
            self._next += batch
            self._host.array(np.float32, (batch, *calibration.shape[1:]))[...] = calibration[indices]
            self._stream.upload(self._device, self._host, self._host.size)
            self._stream.wait()
            return [self._device.address]

        def read_calibration_cache(self) -> None:
            """Return no cache: the engine itself is stored."""

        def write_calibration_cache(self, content: bytes) -> None:
            """Store no cache."""

        def close(self) -> None:
            """Free the memory."""
            self._stream.close()
            self._host.close()
            self._device.close()

    return Tiles()


def quantised(path: Path, tiles: NDArray[np.float32] | None, input_name: str) -> bytes:
    """Quantise a graph: symmetric Q/DQ operators, weights per channel, as TensorRT 11 requires.

    A quantised graph is returned unchanged. Biases stay in float32, since TensorRT does not support int32
    there.

    Raises:
        ModelError: there are no tiles.
        RuntimeMissingError: the package onnx is not installed.
    """
    try:
        import onnx  # noqa: PLC0415 - optional
        from onnxruntime.quantization import (  # noqa: PLC0415
            CalibrationDataReader,
            CalibrationMethod,
            QuantFormat,
            QuantType,
            quantize_static,
        )
    except ImportError as error:
        raise RuntimeMissingError(
            f"int8 requires a change of the graph by the package onnx: pip install onnx ({error})"
        ) from error
    model = onnx.load(str(path), load_external_data=False)
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        return path.read_bytes()
    if tiles is None or not len(tiles):
        raise ModelError(_no_tiles(path))
    weights = {item.name for item in model.graph.initializer}
    name = input_name or next(port.name for port in model.graph.input if port.name not in weights)

    calibration = tiles

    class Tiles(CalibrationDataReader):  # type: ignore[misc]
        """Passes tiles one by one."""

        def __init__(self) -> None:
            """Start with the first tile."""
            self._remaining = iter(calibration)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            """Return the next tile as a batch of one."""
            tile = next(self._remaining, None)
            return None if tile is None else {name: tile[None]}

    with scratch_folder() as folder, scratching(folder):
        target = folder / "model.onnx"
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                quantize_static(
                    str(path),
                    str(target),
                    Tiles(),
                    quant_format=QuantFormat.QDQ,
                    per_channel=True,
                    activation_type=QuantType.QInt8,
                    weight_type=QuantType.QInt8,
                    calibrate_method=CalibrationMethod.Entropy,
                    op_types_to_quantize=["Conv", "ConvTranspose", "Gemm", "MatMul"],
                    extra_options={
                        "ActivationSymmetric": True,
                        "WeightSymmetric": True,
                        "QuantizeBias": False,
                    },
                )
        finally:
            logging.disable(before)
        return target.read_bytes()


def _no_tiles(path: Path) -> str:
    return (
        f"{path}: the calibration of int8 needs tiles of a scene, and there are none; use `--precision fp16`"
    )
