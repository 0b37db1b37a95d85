"""Ranges of values for int8: by TensorRT's entropy calibrator, or written into the graph before."""

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
from geoseg.runtimes.cuda import Buffer, Stream
from geoseg.runtimes.tensorrt.api import TensorRT


def digest_of(tiles: NDArray[np.float32] | None) -> str:
    """SHA-256 of calibration tiles; empty without any."""
    return "" if tiles is None else hashlib.sha256(np.ascontiguousarray(tiles).tobytes()).hexdigest()


def calibrator(trt: TensorRT, path: Path, tiles: NDArray[np.float32] | None, batch: int) -> Any:
    """Make TensorRT's entropy calibrator (`IInt8EntropyCalibrator2`) over tiles.

    Args:
        trt: TensorRT 8.5 to 10.
        path: of the network, for messages.
        tiles: (N, C, tile, tile) normalised.
        batch: tiles that TensorRT is given at once.

    Raises:
        ModelError: there are no tiles.
    """
    if tiles is None or not len(tiles):
        raise ModelError(_no_tiles(path))
    whole = np.ascontiguousarray(tiles)

    class Tiles(trt.IInt8EntropyCalibrator2):  # type: ignore[misc, name-defined]
        """Hands tiles over, a batch at a time; the last is filled up from the first."""

        def __init__(self) -> None:
            """Take memory for a batch."""
            trt.IInt8EntropyCalibrator2.__init__(self)
            size = batch * whole[0].nbytes
            self._host, self._device = Buffer(size, pinned=True), Buffer(size, pinned=False)
            self._stream = Stream()
            self._next = 0

        def get_batch_size(self) -> int:
            """Tiles a batch."""
            return batch

        def get_batch(self, names: Sequence[str]) -> list[int] | None:
            """Put the next batch on the device; None at the end."""
            del names
            if self._next >= len(whole):
                return None
            places = np.arange(self._next, self._next + batch) % len(whole)
            self._next += batch
            self._host.array(np.float32, (batch, *whole.shape[1:]))[...] = whole[places]
            self._stream.upload(self._device, self._host, self._host.size)
            self._stream.wait()
            return [self._device.address]

        def read_calibration_cache(self) -> None:
            """There is none: the engine itself is kept."""

        def write_calibration_cache(self, content: bytes) -> None:
            """Keep none."""

        def close(self) -> None:
            """Free the memory."""
            self._stream.close()
            self._host.close()
            self._device.close()

    return Tiles()


def quantised(path: Path, tiles: NDArray[np.float32] | None, input_name: str) -> bytes:
    """Write ranges into a graph: symmetric Q/DQ, weights per channel, as TensorRT 11 asks for.

    A graph that has them already is left as it is. Biases stay in float32, since TensorRT has no int32 there.

    Raises:
        ModelError: there are no tiles.
        RuntimeMissingError: the package onnx is not there.
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
            f"int8 has to be written into the graph: pip install onnx ({error})"
        ) from error
    model = onnx.load(str(path), load_external_data=False)
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        return path.read_bytes()
    if tiles is None or not len(tiles):
        raise ModelError(_no_tiles(path))
    weights = {item.name for item in model.graph.initializer}
    name = input_name or next(port.name for port in model.graph.input if port.name not in weights)

    whole = tiles

    class Tiles(CalibrationDataReader):  # type: ignore[misc]
        """Hands tiles over, one by one."""

        def __init__(self) -> None:
            """Start with the first."""
            self._left = iter(whole)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            """Return the next, as a batch of one."""
            tile = next(self._left, None)
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
    return f"{path}: int8 needs tiles to calibrate on, and there is none: say --precision fp16"
