"""Measure networks on this machine's GPU, or say what could not be measured: one script for a bare machine.

    python3 measure.py [--quick] [--cpu] [--bundles FOLDER] [--out FILE.md]
    python3 measure.py --export FOLDER      where torch is: write the networks, opset 17, for a barer machine
    python3 measure.py --onnx FOLDER        there: measure those, with TensorRT and onnxruntime alone

It needs Python 3.10 or newer and numpy, and uses what else is there: torch, onnx, onnxruntime, TensorRT
8.5 to 11. Neither geoseg nor a connection is needed. It prints tables in Markdown: tiles a second by network,
runtime and precision, beside torch as a peer would run it (eager float32, and autocast); the share of the
machine's roofline; agreement with float32; and gigapixels a minute from stored strips on the host to classes
on the host.

Networks have random weights of a fixed seed: speed is theirs, accuracy is not. FLOP and bytes are counted
from the shapes of convolutions and products: weights, inputs and outputs of each once. The roofline needs the
peak of the device: known ones are in PEAKS, others are measured by a large product and a large copy.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import io
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

PEAKS = {
    "H100 80GB HBM3": {"fp32": 67e12, "bf16": 989e12, "fp16": 989e12, "int8": 1979e12, "bytes": 3.35e12},
    "H100 PCIe": {"fp32": 51e12, "bf16": 756e12, "fp16": 756e12, "int8": 1513e12, "bytes": 2.0e12},
    "H200": {"fp32": 67e12, "bf16": 989e12, "fp16": 989e12, "int8": 1979e12, "bytes": 4.8e12},
    "A100-SXM4-80GB": {"fp32": 19.5e12, "bf16": 312e12, "fp16": 312e12, "int8": 624e12, "bytes": 2.04e12},
    "L4": {"fp32": 30e12, "bf16": 121e12, "fp16": 121e12, "int8": 242e12, "bytes": 0.3e12},
    "T4": {"fp32": 8.1e12, "fp16": 65e12, "int8": 130e12, "bytes": 0.32e12},
}
"""Dense peaks of NVIDIA's data sheets, operations and bytes a second."""

OVERLAP = 1 / 8
"""Share of a tile's side that neighbours share: 64 of 512."""


@dataclass
class Row:
    """One line of the table."""

    network: str
    how: str
    precision: str
    rate: float
    """Tiles a second."""
    batch: int
    flop: float
    """Of a tile."""
    bytes: float
    """Of a tile's inputs and outputs of layers, in float32."""
    weights: float
    """Bytes of the weights in float32, read once a batch."""
    equal: float | None
    """Share of pixels of the class that float32 gives."""
    error: float | None
    """Mean absolute difference of scores."""


@dataclass
class Report:
    """What was measured and what could not be."""

    rows: list[Row] = field(default_factory=list)
    strips: list[tuple[str, str, float]] = field(default_factory=list)
    """Network, how, gigapixels a minute."""
    missing: list[str] = field(default_factory=list)

    def skip(self, text: str) -> None:
        """Note what could not be measured, once."""
        if text not in self.missing:
            self.missing.append(text)
            print(f"- not measured: {text}", file=sys.stderr, flush=True)


@dataclass
class Setting:
    """Where and how much is measured."""

    device: str
    tile: int
    batches: tuple[int, ...]
    seconds: float
    """Of each measurement."""
    quick: bool


def import_torch() -> Any:
    """Torch, or None."""
    try:
        import torch
    except (ImportError, OSError):
        return None
    return torch


# ---------------------------------------------------------------- networks


def unet(torch: Any, bands: int, layers: tuple[int, ...]) -> Any:
    """A U-Net with a ResNet of basic blocks: what segmentation-models-pytorch builds, with its widths."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, cin: int, cout: int, stride: int) -> None:
            super().__init__()
            self.one = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
            self.norm1, self.norm2 = nn.BatchNorm2d(cout), nn.BatchNorm2d(cout)
            self.two = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
            self.short = None
            if stride > 1 or cin != cout:
                self.short = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

        def forward(self, x: Any) -> Any:
            y = self.norm2(self.two(torch.relu(self.norm1(self.one(x)))))
            return torch.relu(y + (x if self.short is None else self.short(x)))

    def double(cin: int, cout: int) -> Any:
        parts = []
        for first in (cin, cout):
            parts += [nn.Conv2d(first, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU()]
        return nn.Sequential(*parts)

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(
                nn.Conv2d(bands, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()
            )
            self.pool = nn.MaxPool2d(3, 2, 1)
            stages, cin = [], 64
            for level, (count, width) in enumerate(zip(layers, (64, 128, 256, 512), strict=True)):
                blocks = [
                    Block(cin if i == 0 else width, width, 2 if level and i == 0 else 1) for i in range(count)
                ]
                stages.append(nn.Sequential(*blocks))
                cin = width
            self.stages = nn.ModuleList(stages)
            widths = ((512, 256, 256), (256, 128, 128), (128, 64, 64), (64, 64, 32), (32, 0, 16))
            self.ups = nn.ModuleList([double(below + skip, out) for below, skip, out in widths])
            self.head = nn.Conv2d(16, 1, 3, 1, 1)

        def forward(self, x: Any) -> Any:
            skips = [self.stem(x)]
            y = self.pool(skips[0])
            for stage in self.stages:
                y = stage(y)
                skips.append(y)
            skips.pop()
            for up in self.ups:
                y = nn.functional.interpolate(y, scale_factor=2.0, mode="nearest")
                if skips:
                    y = torch.cat([y, skips.pop()], dim=1)
                y = up(y)
            return torch.sigmoid(self.head(y))

    return UNet()


def vit(torch: Any, bands: int, tile: int, width: int, depth: int, heads: int) -> Any:
    """A plain transformer with patches of 16 and a decoder of two transposed convolutions."""
    nn = torch.nn

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            n, count, _ = x.shape
            q, k, v = (
                part.reshape(n, count, heads, width // heads).transpose(1, 2)
                for part in self.qkv(self.norm1(x)).chunk(3, dim=2)
            )
            y = nn.functional.scaled_dot_product_attention(q, k, v)
            x = x + self.out(y.transpose(1, 2).reshape(n, count, width))
            return x + self.mlp(self.norm2(x))

    class ViT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(bands, width, 16, 16)
            self.places = nn.Parameter(torch.zeros(1, (tile // 16) ** 2, width))
            self.layers = nn.Sequential(*[Layer() for _ in range(depth)])
            self.up = nn.Sequential(
                nn.ConvTranspose2d(width, 128, 4, 4), nn.GELU(), nn.ConvTranspose2d(128, 32, 4, 4), nn.GELU()
            )
            self.head = nn.Conv2d(32, 1, 3, 1, 1)

        def forward(self, x: Any) -> Any:
            y = self.patches(x)
            side = y.shape[2:]
            y = self.layers(y.flatten(2).transpose(1, 2) + self.places)
            y = y.transpose(1, 2).reshape(-1, width, *side)
            return torch.sigmoid(self.head(self.up(y)))

    return ViT()


def spread(torch: Any, network: Any, given: Any) -> None:
    """Fit the head so that scores of random weights fall on both sides of one half, as trained ones do."""
    caught: list[Any] = []
    hook = network.head.register_forward_hook(lambda _, __, out: caught.append(out.detach()))
    with torch.no_grad():
        network(given)
        hook.remove()
        centre, width = caught[0].median(), caught[0].std().clamp_min(1e-6)
        network.head.weight.mul_(3 / width)
        network.head.bias.sub_(centre).mul_(3 / width)


def count(torch: Any, network: Any, given: Any) -> tuple[float, float, float]:
    """FLOP of a tile, and float32 bytes of its layers' inputs and outputs and of the weights, once each."""
    flop = size = weights = 0.0
    nn = torch.nn

    def look(module: Any, inputs: Any, out: Any) -> None:
        nonlocal flop, size, weights
        weight = module.weight
        if isinstance(module, nn.ConvTranspose2d):
            flop += 2.0 * weight.numel() * inputs[0][0, 0].numel()
        elif isinstance(module, nn.Conv2d):
            flop += 2.0 * weight.numel() * out[0, 0].numel()
        else:
            flop += 2.0 * weight.numel() * (out[0].numel() // out.shape[-1])
        size += 4.0 * (inputs[0][0].numel() + out[0].numel())
        weights += 4.0 * weight.numel()

    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    hooks = [m.register_forward_hook(look) for m in network.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        network(given[:1])
    for hook in hooks:
        hook.remove()
    for layer in getattr(network, "layers", ()):
        tokens = network.places.shape[1]
        flop += 4.0 * tokens * tokens * layer.out.weight.shape[0]
    return flop, size, weights


# ---------------------------------------------------------------- timing


def rate_of(
    run: Callable[[], object], finish: Callable[[], None], batch: int, seconds: float, *, best: bool = False
) -> float:
    """Tiles a second: the median (or the best) of five parts, after two calls that are not counted."""
    run()
    run()
    finish()
    begun = time.perf_counter()
    run()
    finish()
    one = max(time.perf_counter() - begun, 1e-6)
    calls = max(1, int(seconds / 5 / one))
    rates = []
    for _ in range(5 if seconds > 1 else 2):
        begun = time.perf_counter()
        for _ in range(calls):
            run()
        finish()
        rates.append(batch * calls / (time.perf_counter() - begun))
    return max(rates) if best else statistics.median(rates)


def agreement(reference: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Share of equal classes, and mean absolute difference of scores."""
    return float(np.mean((reference > 0.5) == (found > 0.5))), float(np.abs(reference - found).mean())


def scene_tiles(bands: int, tile: int, number: int) -> np.ndarray:
    """Normalised tiles with areas and edges."""
    random = np.random.default_rng(7)
    coarse = random.normal(size=(number, bands, tile // 16, tile // 16)).astype(np.float32)
    smooth = coarse.repeat(16, axis=2).repeat(16, axis=3)
    return smooth + random.normal(0, 0.1, smooth.shape).astype(np.float32)


# ---------------------------------------------------------------- torch


def measure_torch(torch: Any, name: str, network: Any, bands: int, setting: Setting, report: Report) -> None:
    """Eager float32 as a peer runs it, autocast with channels_last, and the same by CUDA graphs."""
    on_cuda = setting.device != "cpu"
    network = network.to(setting.device).eval()
    check = torch.from_numpy(scene_tiles(bands, setting.tile, 2)).to(setting.device)
    work = count(torch, network, check)
    with torch.inference_mode():
        reference = network(check).float().cpu().numpy()

    def finish() -> None:
        if on_cuda:
            torch.cuda.synchronize()

    halves = [("bf16", torch.bfloat16)] + ([("fp16", torch.float16)] if on_cuda else [])
    plans: list[tuple[str, str, Any, bool, bool]] = [
        ("torch eager, as peers run it", "fp32", None, False, False),
        ("torch eager, channels_last", "fp32", None, True, False),
    ]
    plans += [("torch autocast, as peers run it", label, kind, False, False) for label, kind in halves]
    plans += [("torch autocast, channels_last", label, kind, True, False) for label, kind in halves]
    if on_cuda:
        plans += [("torch, CUDA graph", label, kind, True, True) for label, kind in halves]
    if on_cuda:
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    for how, label, kind, last, graph in plans:
        layout = torch.channels_last if last else torch.contiguous_format
        network = network.to(memory_format=layout)
        best: tuple[float, int] = (0.0, 0)

        def call(given: Any, kind: Any = kind, network: Any = network) -> Any:
            with torch.inference_mode():
                if kind is None:
                    return network(given)
                with torch.autocast(setting.device.split(":")[0], kind):
                    return network(given)

        try:
            scores = call(check.to(memory_format=layout)).float().cpu().numpy()
            for batch in setting.batches:
                given = torch.zeros((batch, bands, setting.tile, setting.tile), device=setting.device)
                given = given.to(memory_format=layout)
                run: Callable[[], object] = lambda given=given: call(given)  # noqa: E731
                if graph:
                    run = captured(torch, call, given)
                found = rate_of(run, finish, batch, setting.seconds)
                if best[1] and found < best[0] * 1.03:
                    break
                best = (found, batch)
        except torch.OutOfMemoryError:
            if on_cuda:
                torch.cuda.empty_cache()
        except RuntimeError as error:
            report.skip(f"{name}, {how}, {label}: {str(error).splitlines()[0]}")
        if best[1]:
            equal, difference = agreement(reference, scores)
            report.rows.append(Row(name, how, label, *best, *work, equal, difference))


def captured(torch: Any, call: Callable[[Any], Any], given: Any) -> Callable[[], object]:
    """A call as a CUDA graph."""
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        for _ in range(3):
            call(given)
    stream.synchronize()
    work = torch.cuda.CUDAGraph()
    with torch.cuda.graph(work):
        call(given)
    return work.replay  # type: ignore[no-any-return]


def export(torch: Any, network: Any, bands: int, tile: int, path: Path, report: Report, name: str) -> bool:
    """Write a network as ONNX with a free batch; opset 17, which every TensorRT from 8.5 on reads."""
    example = torch.zeros(2, bands, tile, tile)
    network = network.to("cpu").to(memory_format=torch.contiguous_format).eval()
    options = {"input_names": ["image"], "output_names": ["scores"], "opset_version": 17}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                network, (example,), str(path), dynamo=False, **options,
                dynamic_axes={"image": {0: "batch"}, "scores": {0: "batch"}},
            )  # fmt: skip
        except Exception as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            report.skip(f"{name} by onnxruntime and TensorRT: torch cannot export it ({first})")
            return False
    return True


# ---------------------------------------------------------------- onnxruntime and TensorRT


def measure_onnxruntime(
    name: str, path: Path, bands: int, setting: Setting, report: Report, work: tuple[float, float, float]
) -> np.ndarray | None:
    """Float32 by onnxruntime on the device; returns the scores of the check tiles."""
    try:
        import onnxruntime
    except ImportError:
        report.skip("onnxruntime is not installed")
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    on_cuda = setting.device != "cpu"
    if on_cuda and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        report.skip("onnxruntime on CUDA: this build has no CUDA provider; measured on the CPU instead")
        on_cuda = False
    where: list[Any] = [("CUDAExecutionProvider", {"use_tf32": "0"})] if on_cuda else ["CPUExecutionProvider"]
    check = scene_tiles(bands, setting.tile, 2)
    batch = setting.batches[-1] if on_cuda else 1
    tiles = np.zeros((batch, bands, setting.tile, setting.tile), np.float32)
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=where)
        given = session.get_inputs()[0].name
        reference = np.asarray(session.run(None, {given: check})[0])
        found = rate_of(lambda: session.run(None, {given: tiles}), lambda: None, batch, setting.seconds)
    except Exception as error:
        report.skip(f"{name} by onnxruntime: {str(error).splitlines()[0]}")
        return None
    how = f"onnxruntime, {'CUDA' if on_cuda else 'CPU'}, from and to the host"
    report.rows.append(Row(name, how, "fp32", found, batch, *work, 1.0, 0.0))
    return reference


class Driver:
    """The few calls of the CUDA driver that TensorRT needs beside it."""

    def __init__(self) -> None:
        usual = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
        self.library = ctypes.CDLL(os.environ.get("GEOSEG_LIBCUDA", usual))
        self.call("cuInit", 0)
        device, self.context = ctypes.c_int(), ctypes.c_void_p()
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(self.context), device)
        self.call("cuCtxSetCurrent", self.context)
        name = ctypes.create_string_buffer(256)
        self.call("cuDeviceGetName", name, 256, device)
        self.name = name.value.decode()
        self.stream = ctypes.c_void_p()
        self.call("cuStreamCreate", ctypes.byref(self.stream), 1)

    def call(self, name: str, *arguments: Any) -> None:
        code = getattr(self.library, name)(*arguments)
        if code:
            raise RuntimeError(f"{name} gives {code}")

    def memory(self, size: int) -> int:
        pointer = ctypes.c_void_p()
        self.call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(size))
        return pointer.value or 0

    def upload(self, address: int, array: np.ndarray) -> None:
        self.call("cuMemcpyHtoD_v2", ctypes.c_void_p(address), array.ctypes.data_as(ctypes.c_void_p),
                  ctypes.c_size_t(array.nbytes))  # fmt: skip

    def download(self, array: np.ndarray, address: int) -> None:
        self.call("cuMemcpyDtoH_v2", array.ctypes.data_as(ctypes.c_void_p), ctypes.c_void_p(address),
                  ctypes.c_size_t(array.nbytes))  # fmt: skip

    def free(self, address: int) -> None:
        self.call("cuMemFree_v2", ctypes.c_void_p(address))

    def wait(self) -> None:
        self.call("cuStreamSynchronize", self.stream)


def build_engine(
    trt: Any, driver: Driver, path: Path, precision: str, shape: tuple[int, ...], tactics: str
) -> Any:
    """An engine of a precision; None where the version has no flag for it."""
    said: list[str] = []

    class Log(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if "ERROR" in str(severity):
                said.append(message)

    logger = Log()
    builder = trt.Builder(logger)
    creation = trt.NetworkDefinitionCreationFlag
    network = builder.create_network(
        1 << int(creation.EXPLICIT_BATCH) if hasattr(creation, "EXPLICIT_BATCH") else 0
    )
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(path.read_bytes()):
        raise RuntimeError(parser.get_error(0).desc())
    config = builder.create_builder_config()
    if hasattr(trt.BuilderFlag, "TF32"):
        config.clear_flag(trt.BuilderFlag.TF32)
    wanted = {"fp16": ("FP16",), "bf16": ("BF16",), "int8": ("INT8", "FP16"), "fp32": ()}[precision]
    if any(not hasattr(trt.BuilderFlag, flag) for flag in wanted):
        return None
    for flag in wanted:
        config.set_flag(getattr(trt.BuilderFlag, flag))
    if tactics:
        config.set_tactic_sources(int(tactics, 0))
    if precision == "int8":
        config.int8_calibrator = calibrator(trt, driver, shape)
        pairs = builder.create_optimization_profile()
        pairs.set_shape(network.get_input(0).name, *[(2, *shape[1:])] * 3)
        config.set_calibration_profile(pairs)
    profile = builder.create_optimization_profile()
    profile.set_shape(network.get_input(0).name, (1, *shape[1:]), shape, shape)
    config.add_optimization_profile(profile)
    content = builder.build_serialized_network(network, config)
    if content is None:
        raise RuntimeError(said[-1] if said else "the builder gives no engine")
    runtime = trt.Runtime(logger)
    return runtime, runtime.deserialize_cuda_engine(bytes(memoryview(content))), logger


def calibrator(trt: Any, driver: Driver, shape: tuple[int, ...]) -> Any:
    """Entropy calibration on tiles like those of the check."""
    address = driver.memory(int(np.prod((2, *shape[1:]))) * 4)
    left = iter(np.split(scene_tiles(shape[1], shape[2], 16), 8))

    class Tiles(trt.IInt8EntropyCalibrator2):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)

        def get_batch_size(self) -> int:
            return 2

        def get_batch(self, names: Any) -> list[int] | None:  # noqa: ARG002 - its own signature
            tiles = next(left, None)
            if tiles is None:
                return None
            driver.upload(address, np.ascontiguousarray(tiles))
            return [address]

        def read_calibration_cache(self) -> None:
            return None

        def write_calibration_cache(self, content: bytes) -> None:  # noqa: ARG002
            return None

    return Tiles()


def measure_tensorrt(
    name: str, path: Path, bands: int, setting: Setting, report: Report, work: tuple[float, float, float],
    reference: np.ndarray | None, tactics: str,
) -> None:  # fmt: skip
    """Engines of each precision, from and to the device's memory."""
    if setting.device == "cpu":
        report.skip("TensorRT: there is no GPU here")
        return
    try:
        import tensorrt as trt

        driver = Driver()
    except (ImportError, OSError, RuntimeError) as error:
        report.skip(f"TensorRT: {error}")
        return
    batch = setting.batches[-1]
    shape = (batch, bands, setting.tile, setting.tile)
    for precision in ("fp32", "fp16", "bf16", "int8"):
        try:
            built = build_engine(trt, driver, path, precision, shape, tactics)
            if built is None:
                report.skip(f"TensorRT {trt.__version__} in {precision}: the version has no flag for it")
                continue
            rate, scores = run_engine(built[1], driver, shape, setting)
        except RuntimeError as error:
            report.skip(f"{name}, TensorRT {precision}: {str(error).splitlines()[0]}")
            continue
        pair = agreement(reference, scores) if reference is not None else (None, None)
        report.rows.append(Row(name, f"TensorRT {trt.__version__}", precision, rate, batch, *work, *pair))


def run_engine(
    engine: Any, driver: Driver, shape: tuple[int, ...], setting: Setting
) -> tuple[float, np.ndarray]:
    """Tiles a second, and the scores of the check tiles."""
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    context = engine.create_execution_context()
    planes = engine.get_tensor_shape(names[1])[1]
    given = driver.memory(int(np.prod(shape)) * 4)
    found = driver.memory(shape[0] * planes * shape[2] * shape[3] * 4)
    check = scene_tiles(shape[1], shape[2], 2)
    out = np.empty((2, planes, *shape[2:]), np.float32)
    for count_of in (2, shape[0]):
        context.set_input_shape(names[0], (count_of, *shape[1:]))
        context.set_tensor_address(names[0], given)
        context.set_tensor_address(names[1], found)
        if count_of == 2:
            driver.upload(given, check)
            context.execute_async_v3(driver.stream.value)
            driver.wait()
            driver.download(out, found)
    run = lambda: context.execute_async_v3(driver.stream.value)  # noqa: E731
    rate = rate_of(run, driver.wait, shape[0], setting.seconds)
    driver.free(given)
    driver.free(found)
    return rate, out


# ---------------------------------------------------------------- from strips to classes


def measure_strips(torch: Any, name: str, network: Any, bands: int, setting: Setting, report: Report) -> None:
    """Stored uint16 strips on the host to classes on the host: copies, normalisation and argmax included."""
    on_cuda = setting.device != "cpu"
    device = torch.device(setting.device)
    network = network.to(device).to(memory_format=torch.channels_last).eval()
    overlap = int(setting.tile * OVERLAP)
    stride = setting.tile - overlap
    columns = 2 if setting.quick else 24
    width = columns * stride + overlap
    strip = np.random.default_rng(3).integers(0, 10000, (bands, setting.tile, width), np.uint16)
    kind = torch.float16 if on_cuda else torch.bfloat16
    batch = setting.batches[-1]
    ready: list[Any] = []

    def work() -> None:
        tensor = torch.from_numpy(strip.view(np.int16))
        if on_cuda:
            tensor = tensor.pin_memory().to(device, non_blocking=True)
        classes = torch.zeros((setting.tile, width), dtype=torch.uint8, device=device)
        with torch.inference_mode(), torch.autocast(device.type, kind):
            for first in range(0, columns, batch):
                lefts = [c * stride for c in range(first, min(first + batch, columns))]
                tiles = torch.stack([tensor[:, :, left : left + setting.tile] for left in lefts])
                tiles = tiles.to(torch.int32).bitwise_and_(0xFFFF).float().mul_(1e-4).sub_(0.1).div_(0.05)
                scores = network(tiles.contiguous(memory_format=torch.channels_last))
                for left, own in zip(lefts, scores, strict=True):
                    classes[:, left : left + setting.tile] = (own[0] > 0.5).to(torch.uint8)
        ready.append(classes.cpu().numpy())

    work()
    repeats = 1 if setting.quick else 8
    begun = time.perf_counter()
    for _ in range(repeats):
        ready.clear()
        work()
    seconds = time.perf_counter() - begun
    pixels = repeats * columns * stride * stride
    how = f"torch autocast {str(kind)[6:]}, batch {batch}"
    report.strips.append((name, how, pixels / seconds * 60 / 1e9))


# ---------------------------------------------------------------- the table


def peak_of(torch: Any, setting: Setting, name: str) -> tuple[dict[str, float], str]:
    """Peak operations and bytes a second: of the data sheet, or measured."""
    for known, peaks in PEAKS.items():
        if known in name:
            return peaks, f"peaks of the data sheet of {known}"
    side = 512 if setting.quick else 2048
    peaks = {}
    kinds = {"fp32": torch.float32, "bf16": torch.bfloat16}
    if setting.device != "cpu":
        kinds["fp16"] = torch.float16
    finish = torch.cuda.synchronize if setting.device != "cpu" else (lambda: None)
    for label, kind in kinds.items():
        a = torch.randn((side, side), device=setting.device).to(kind)
        peaks[label] = rate_of(lambda a=a: a @ a, finish, 1, 2.0, best=True) * 2.0 * side**3
    big = torch.zeros(2**22 if setting.quick else 2**26, device=setting.device)
    other = torch.zeros_like(big)
    peaks["bytes"] = rate_of(lambda: other.copy_(big), finish, 1, 2.0, best=True) * 8.0 * big.numel()
    return (
        peaks,
        f"peaks measured here: a product of {side}² matrices, a copy of {big.numel() * 4 / 2**20:.0f} MiB",
    )


def share_of(row: Row, peaks: dict[str, float]) -> str:
    """Share of the roofline: the least time that arithmetic or memory allows, over the time taken."""
    peak = peaks.get(row.precision) or peaks.get("fp16") or peaks.get("fp32")
    if not peak or not row.flop or "host" in row.how:
        return "-"
    width = {"fp32": 1.0, "int8": 0.25}.get(row.precision, 0.5)
    least = max(row.flop / peak, (row.bytes + row.weights / row.batch) * width / peaks["bytes"])
    return f"{row.rate * least:.0%}"


def table(report: Report, peaks: dict[str, float], where: str, note: str) -> str:
    """All as Markdown."""
    lines = [f"Measured on {where}; {note}.", "", "| network | how | precision | batch | tiles/s | GFLOP/tile | of the roofline | classes equal to fp32 | mean score error |", "|---|---|---|---|---|---|---|---|---|"]  # noqa: E501  # fmt: skip
    for row in report.rows:
        equal = "-" if row.equal is None else f"{row.equal:.3%}"
        error = "-" if row.error is None else f"{row.error:.1e}"
        lines.append(
            f"| {row.network} | {row.how} | {row.precision} | {row.batch} | {row.rate:.4g} | "
            f"{row.flop / 1e9:.3g} | {share_of(row, peaks)} | {equal} | {error} |"
        )
    lines += ["", "| network | from stored strips to classes, copies included | Gpx/min |", "|---|---|---|"]
    lines += [f"| {name} | {how} | {speed:.3g} |" for name, how, speed in report.strips]
    if report.missing:
        lines += ["", "Not measured:", "", *(f"- {text}" for text in report.missing)]
    return "\n".join(lines) + "\n"


def measure_bundles(folder: Path, setting: Setting, report: Report, tactics: str) -> None:
    """The bundles that ship with geoseg, where its checkout is beside: they are ONNX files."""
    found = sorted(folder.glob("*/model.json")) if folder.is_dir() else []
    if not found:
        report.skip(f"shipped bundles: none at {folder}")
    for path in found:
        bands = len(json.loads(path.read_text())["properties"]["mlm:input"][0]["bands"])
        weights = path.with_name("model.onnx")
        scores = measure_onnxruntime(path.parent.name, weights, bands, setting, report, (0.0, 0.0, 0.0))
        measure_tensorrt(path.parent.name, weights, bands, setting, report, (0.0, 0.0, 0.0), scores, tactics)


def measure_files(folder: Path, setting: Setting, report: Report, tactics: str) -> None:
    """ONNX files that `--export` wrote: their names end in the number of bands and the side of a tile."""
    for path in sorted(folder.glob("*.onnx")):
        name, bands, tile = path.stem.rsplit("-", 2)
        own = replace(setting, tile=int(tile))
        work = tuple(json.loads(path.with_suffix(".json").read_text()))
        scores = measure_onnxruntime(name, path, int(bands), own, report, work)
        measure_tensorrt(name, path, int(bands), own, report, work, scores, tactics)


def export_bundles(folder: Path, target: Path, setting: Setting, report: Report) -> None:
    """Write the shipped bundles in opset 17 beside the networks."""
    try:
        import onnx
        from onnx import version_converter
    except ImportError:
        report.skip("shipped bundles for TensorRT 8.5: onnx is not installed")
        return
    for path in sorted(folder.glob("*/model.json")):
        bands = len(json.loads(path.read_text())["properties"]["mlm:input"][0]["bands"])
        model = version_converter.convert_version(onnx.load(str(path.with_name("model.onnx"))), 17)
        written = target / f"{path.parent.name}-{bands}-{setting.tile}.onnx"
        onnx.save(model, str(written))
        written.with_suffix(".json").write_text("[0.0, 0.0, 0.0]")


def has_driver() -> bool:
    """Whether NVIDIA's driver answers."""
    try:
        Driver()
    except (OSError, RuntimeError):
        return False
    return True


def read_options() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    say = parser.add_argument
    say("--quick", action="store_true", help="small tiles and short measurements: a trial")
    say("--cpu", action="store_true", help="leave GPUs alone")
    say("--seconds", type=float, default=2.0, help="of each measurement")
    say("--only", default="", help="only networks whose name holds this text")
    say("--bundles", type=Path, default=Path(__file__).parents[2] / "models" / "zoo")
    say("--export", type=Path, metavar="FOLDER", help="write the networks there, and stop")
    say("--onnx", type=Path, metavar="FOLDER", help="measure the networks that lie there")
    say("--tactics", default="", help="TensorRT's tactic sources as bits; 0 without cuBLAS and cuDNN")
    say("--out", type=Path, help="also write the tables to this file")
    return parser.parse_args()


def networks_of(torch: Any, setting: Setting) -> dict[str, tuple[int, Callable[[], Any]]]:
    """Number of bands and maker of each network, by name."""
    found: dict[str, tuple[int, Callable[[], Any]]] = {
        f"U-Net resnet{depth}, {bands} bands": (bands, lambda b=bands, n=layers: unet(torch, b, n))
        for depth, layers in ((18, (2, 2, 2, 2)), (34, (3, 4, 6, 3)))
        for bands in (6, 13)
    }
    width, depth, heads = (64, 2, 2) if setting.quick else (768, 12, 12)
    name = f"ViT 16 of {depth} layers of {width}, light decoder, 6 bands"
    found[name] = (6, lambda: vit(torch, 6, setting.tile, width, depth, heads))
    return found


def measure_networks(torch: Any, setting: Setting, report: Report, options: argparse.Namespace) -> None:
    """Make each network and measure it, or write it where another machine shall."""
    for name, (bands, make) in networks_of(torch, setting).items():
        if options.only not in name:
            continue
        torch.manual_seed(0)
        network = make().eval()
        spread(torch, network, torch.from_numpy(scene_tiles(bands, setting.tile, 1)))
        work = count(torch, network, torch.zeros(1, bands, setting.tile, setting.tile))
        if options.export is not None:
            options.export.mkdir(parents=True, exist_ok=True)
            path = options.export / f"{name}-{bands}-{setting.tile}.onnx"
            if export(torch, network, bands, setting.tile, path, report, name):
                path.with_suffix(".json").write_text(json.dumps(work))
            continue
        measure_torch(torch, name, network, bands, setting, report)
        measure_strips(torch, name, network, bands, setting, report)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            if export(torch, network, bands, setting.tile, path, report, name):
                scores = measure_onnxruntime(name, path, bands, setting, report, work)
                measure_tensorrt(name, path, bands, setting, report, work, scores, options.tactics)


def main() -> int:
    options = read_options()
    report = Report()
    torch = import_torch()
    cuda = not options.cpu and (torch.cuda.is_available() if torch is not None else has_driver())
    if not cuda:
        report.skip("GPUs: --cpu was said" if options.cpu else "GPUs: none is found")
    batches = (1, 2) if options.quick else (1, 4, 16, 64) if cuda else (1,)
    setting = Setting(
        device="cuda:0" if cuda else "cpu",
        tile=64 if options.quick else 512,
        batches=batches,
        seconds=0.05 if options.quick else options.seconds,
        quick=options.quick,
    )
    where = f"{platform.processor() or platform.machine()} (CPU)"
    if cuda:
        where = torch.cuda.get_device_name(0) if torch is not None else Driver().name
    peaks, note = next(((peaks, f"peaks of the data sheet of {known}") for known, peaks in PEAKS.items()
                        if known in where), ({}, "no roofline without torch"))  # fmt: skip
    if torch is None:
        report.skip("networks of this script: torch is not installed")
    elif options.onnx is None:
        where = f"{where}, torch {torch.__version__}, tiles of {setting.tile}²"
        peaks, note = peak_of(torch, setting, where)
        measure_networks(torch, setting, report, options)
        if options.export is not None:
            export_bundles(options.bundles, options.export, setting, report)
            return 0
        # Other work on the machine only makes a peak smaller: the greater of two is nearer to it.
        again, _ = peak_of(torch, setting, where)
        peaks = {key: max(value, again[key]) for key, value in peaks.items()}
    if options.onnx is not None:
        measure_files(options.onnx, setting, report, options.tactics)
    measure_bundles(options.bundles, setting, report, options.tactics)
    text = table(report, peaks, where, note)
    print(text)
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
