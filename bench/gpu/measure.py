"""Measure networks on the GPU of this machine, with one script and few requirements.

    python3 measure.py [--quick] [--cpu] [--minutes 7] [--bundles FOLDER] [--out FILE.md]
    python3 measure.py --export FOLDER      on a machine with torch: write the networks as ONNX files
    python3 measure.py --onnx FOLDER        on a machine without torch: measure these files

It requires Python 3.10 or newer and numpy. It uses torch, onnx, onnxruntime, TensorRT 8.5 to 11, and the
geoseg of this checkout (whose sweep makes maps) where they are installed. It needs no
network connection. It prints tables in Markdown: tiles per second by network, runtime and precision, in
comparison with plain torch (eager float32 without and with TensorFloat-32, and autocast); the share of the
roofline; agreement with float32; and gigapixels per minute from stored strips on the host to classes on the
host.

Measurements that fail or do not start in time are listed below the tables and do not affect others. The file
of `--out` is rewritten after each row, so that an interrupted run leaves the rows measured so far. Rates are
those of many calls between two synchronisations with the device, after warm-up calls.

Networks have random weights with a fixed seed, so that only their speed is meaningful. FLOP and bytes are
counted from the shapes of convolutions and matrix products: weights, inputs and outputs of each once. The
roofline uses the peak of the device from PEAKS, or else a peak measured with a large matrix product and a
large copy.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import io
import json
import os
import platform
import re
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

PEAKS = {
    "H100 80GB HBM3": {"fp32": 67e12, "tf32": 494e12, "fp16": 989e12, "int8": 1979e12, "bytes": 3.35e12},
    "H100 PCIe": {"fp32": 51e12, "tf32": 378e12, "fp16": 756e12, "int8": 1513e12, "bytes": 2.0e12},
    "H200": {"fp32": 67e12, "tf32": 494e12, "fp16": 989e12, "int8": 1979e12, "bytes": 4.8e12},
    "A100-SXM4-80GB": {"fp32": 19.5e12, "tf32": 156e12, "fp16": 312e12, "int8": 624e12, "bytes": 2.04e12},
    "L4": {"fp32": 30e12, "tf32": 60e12, "fp16": 121e12, "int8": 242e12, "bytes": 0.3e12},
    "T4": {"fp32": 8.1e12, "fp16": 65e12, "int8": 130e12, "bytes": 0.32e12},
}
"""Dense peaks of NVIDIA's data sheets (H100, H200, A100, L4 and T4 Tensor Core GPU), operations and bytes per
second; the peak of bf16 equals that of fp16."""

MOST_AT_ONCE, ROOMY = 16, 16 * 2**30
"""Tiles per call of TensorRT and onnxruntime, and the device memory in bytes that they require."""

OVERLAP = 1 / 8
"""Overlap of neighbouring tiles as a share of their side: 64 of 512."""


@dataclass
class Row:
    """A row of the table of networks."""

    network: str
    how: str
    precision: str
    rate: float
    """Tiles per second."""
    batch: int
    flop: float
    """Operations for a tile."""
    bytes: float
    """Bytes of the inputs and outputs of all layers for a tile, in float32."""
    weights: float
    """Bytes of the weights in float32, read once for each batch."""
    equal: float | None
    """Share of pixels whose class equals that of float32."""
    error: float | None
    """Mean absolute difference of scores."""


@dataclass
class Strips:
    """A row of the table from strips in host memory to classes in host memory."""

    network: str
    how: str
    speed: float
    """Gigapixels per minute."""
    busy: float | None
    """Share of the time in which the GPU computed, from its driver; None: unknown."""
    of_network: float | None = None
    """Ratio to the speed of the network alone."""


@dataclass
class Report:
    """The results, and the measurements that were not possible."""

    rows: list[Row] = field(default_factory=list)
    strips: list[Strips] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    until: float = float("inf")
    """Value of `time.monotonic` after which no measurement starts."""
    longest: dict[str, float] = field(default_factory=dict)
    """Seconds of the longest measurement of each kind; a measurement starts only if it may end in time."""
    save: Callable[[], None] = lambda: None
    """Writes the results so far."""

    def skip(self, text: str) -> None:
        """Record a measurement that was not possible, once."""
        if text not in self.missing:
            self.missing.append(text)
            print(f"- not measured: {text}", file=sys.stderr, flush=True)

    def add(self, row: Row) -> None:
        """Add a row, and save the results."""
        self.rows.append(row)
        print(
            f"- {row.network}, {row.how}, {row.precision}: {row.rate:.4g} tiles/s",
            file=sys.stderr,
            flush=True,
        )
        self.save()

    def attempt(self, kind: str, what: str, work: Callable[[], None]) -> None:
        """Run a measurement, or record that it failed or could not end in time."""
        begun = time.monotonic()
        if begun + self.longest.get(kind, 0.0) > self.until:
            self.skip(f"{what}: no time was left")
            return
        try:
            work()
        except Exception as error:  # libraries raise exceptions of any type
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            self.skip(f"{what}: {first}")
        self.longest[kind] = max(self.longest.get(kind, 0.0), time.monotonic() - begun)


@dataclass
class Net:
    """A network in an ONNX file."""

    name: str
    path: Path
    bands: int
    tile: int
    work: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """FLOP for a tile, bytes of its layers, bytes of weights; zero: not counted."""
    scores: np.ndarray | None = None
    """Scores of the check tiles in float32."""


@dataclass
class Setting:
    """Device, sizes and duration of the measurements."""

    device: str
    tile: int
    batches: tuple[int, ...]
    seconds: float
    """Duration of each measurement."""
    quick: bool
    at_once: int = 1
    """Tiles per call of runtimes that are measured with one batch size."""


def import_torch() -> Any:
    """Return torch; None where it is not installed."""
    try:
        import torch
    except (ImportError, OSError):
        return None
    return torch


def set_tf32(torch: Any, on: bool) -> None:
    """Enable or disable TensorFloat-32."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions deprecate these names
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = on


def free(torch: Any) -> None:
    """Release the memory that torch caches on the device."""
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


# ---------------------------------------------------------------- networks


def unet(torch: Any, bands: int, layers: tuple[int, ...]) -> Any:
    """Return a U-Net with a ResNet of basic blocks, with the widths of segmentation-models-pytorch."""
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
    """Return a vision transformer with patches of 16 and a decoder of two transposed convolutions."""
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
    """Scale the head so that scores of random weights lie on both sides of one half."""
    caught: list[Any] = []
    hook = network.head.register_forward_hook(lambda _, __, out: caught.append(out.detach()))
    with torch.no_grad():
        network(given)
        hook.remove()
        centre, width = caught[0].median(), caught[0].std().clamp_min(1e-6)
        network.head.weight.mul_(3 / width)
        network.head.bias.sub_(centre).mul_(3 / width)


def count(torch: Any, network: Any, given: Any) -> tuple[float, float, float]:
    """Return FLOP for a tile, float32 bytes of inputs and outputs of its layers, and bytes of weights."""
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
    """Return tiles per second, the median (or the best) of five parts, after two warm-up calls."""
    run()
    run()
    finish()
    begun = time.perf_counter()
    run()
    finish()
    one = max(time.perf_counter() - begun, 1e-6)
    calls = max(1, int(seconds / 5 / one))
    rates = []
    for _ in range(5 if seconds > 0.1 else 2):
        begun = time.perf_counter()
        for _ in range(calls):
            run()
        finish()
        rates.append(batch * calls / (time.perf_counter() - begun))
    return max(rates) if best else statistics.median(rates)


def agreement(reference: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Return the share of equal classes, and the mean absolute difference of scores."""
    return float(np.mean((reference > 0.5) == (found > 0.5))), float(np.abs(reference - found).mean())


def scene_tiles(bands: int, tile: int, number: int) -> np.ndarray:
    """Return simulated normalised tiles with areas and edges."""
    random = np.random.default_rng(7)
    coarse = random.normal(size=(number, bands, tile // 16, tile // 16)).astype(np.float32)
    smooth = coarse.repeat(16, axis=2).repeat(16, axis=3)
    return smooth + random.normal(0, 0.1, smooth.shape).astype(np.float32)


# ---------------------------------------------------------------- torch


def measure_torch(
    torch: Any, name: str, network: Any, bands: int, setting: Setting, report: Report
) -> np.ndarray | None:
    """Measure torch eager, channels_last, and with CUDA graphs; return the scores of the check tiles."""
    on_cuda = setting.device != "cpu"
    network = network.to(setting.device).eval()
    set_tf32(torch, False)
    check = torch.from_numpy(scene_tiles(bands, setting.tile, 2)).to(setting.device)
    work = count(torch, network, check)
    with torch.inference_mode():
        reference = network(check).float().cpu().numpy()
    halves = [("bf16", torch.bfloat16)] + ([("fp16", torch.float16)] if on_cuda else [])
    plans: list[tuple[str, str, Any, bool, bool]] = [
        ("torch eager, as peers run it", "fp32", None, False, False),
        ("torch eager, channels_last", "fp32", None, True, False),
    ]
    if on_cuda:
        plans.append(("torch eager, TensorFloat-32 on", "tf32", None, False, False))
    plans += [("torch autocast, as peers run it", label, kind, False, False) for label, kind in halves]
    plans += [("torch autocast, channels_last", label, kind, True, False) for label, kind in halves]
    if on_cuda:
        plans += [("torch, CUDA graph", label, kind, True, True) for label, kind in halves]
    for how, label, kind, last, graph in plans:

        def measure(
            how: str = how, label: str = label, kind: Any = kind, last: bool = last, graph: bool = graph
        ) -> None:
            set_tf32(torch, label == "tf32")
            best, scores = fastest(torch, network, check, kind, setting, last=last, graph=graph)
            report.add(Row(name, how, label, *best, *work, *agreement(reference, scores)))

        report.attempt("torch", f"{name}, {how}, {label}", measure)
        set_tf32(torch, False)
        free(torch)
    return reference


def fastest(
    torch: Any, network: Any, check: Any, kind: Any, setting: Setting, *, last: bool, graph: bool
) -> tuple[tuple[float, int], np.ndarray]:
    """Return the best rate with its batch, and the scores of the check tiles."""
    layout = torch.channels_last if last else torch.contiguous_format
    network = network.to(memory_format=layout)

    def call(given: Any) -> Any:
        with torch.inference_mode():
            if kind is None:
                return network(given)
            with torch.autocast(setting.device.split(":")[0], kind):
                return network(given)

    def finish() -> None:
        if setting.device != "cpu":
            torch.cuda.synchronize()

    scores = call(check.to(memory_format=layout)).float().cpu().numpy()
    best: tuple[float, int] = (0.0, 0)
    for batch in setting.batches:
        try:
            # Not zeros, which take less power, so that a GPU runs faster than with real pixels.
            given = check.repeat(-(-batch // len(check)), 1, 1, 1)[:batch].contiguous(memory_format=layout)
            run: Callable[[], object] = (
                captured(torch, call, given) if graph else lambda given=given: call(given)
            )
            found = rate_of(run, finish, batch, setting.seconds)
        except torch.cuda.OutOfMemoryError:
            if not best[1]:
                raise
            break
        if best[1] and found < best[0] * 1.03:
            break
        best = (found, batch)
    return best, scores


def captured(torch: Any, call: Callable[[Any], Any], given: Any) -> Callable[[], object]:
    """Return a call as a CUDA graph."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            call(given)
    stream.synchronize()
    work = torch.cuda.CUDAGraph()
    with torch.cuda.graph(work):
        call(given)
    return work.replay  # type: ignore[no-any-return]


def export(torch: Any, network: Any, bands: int, tile: int, path: Path, report: Report, name: str) -> bool:
    """Write a network as ONNX with a variable batch and opset 16, which TensorRT 8.5 reads."""
    example = torch.zeros(2, bands, tile, tile)
    network = network.to("cpu").to(memory_format=torch.contiguous_format).eval()
    options = {"input_names": ["image"], "output_names": ["scores"], "opset_version": 16}
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


def measure_onnxruntime(net: Net, setting: Setting, report: Report) -> None:
    """Measure onnxruntime in float32, with tiles in host memory and in device memory."""
    try:
        import onnxruntime
    except ImportError:
        report.skip("onnxruntime is not installed")
        return
    on_cuda = setting.device != "cpu"
    if on_cuda and "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        report.skip("onnxruntime on CUDA: this build has no CUDA provider")
        if net.scores is None:
            net.scores = run_onnxruntime(onnxruntime, net, ["CPUExecutionProvider"])[1]
        return
    if on_cuda and hasattr(onnxruntime, "preload_dlls"):
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls(directory="")
    where: list[Any] = [("CUDAExecutionProvider", {"use_tf32": "0"})] if on_cuda else ["CPUExecutionProvider"]
    with contextlib.redirect_stdout(io.StringIO()):
        session, scores = run_onnxruntime(onnxruntime, net, where)
    if on_cuda and "CUDAExecutionProvider" not in session.get_providers():
        net.scores = scores if net.scores is None else net.scores
        raise RuntimeError(
            "the CUDA provider of onnxruntime does not start: libraries of CUDA or cuDNN are missing"
        )
    pair = (1.0, 0.0) if net.scores is None else agreement(net.scores, scores)
    net.scores = scores if net.scores is None else net.scores
    batch = setting.at_once if on_cuda else 1
    tiles = scene_tiles(net.bands, net.tile, batch)
    given, out = session.get_inputs()[0].name, session.get_outputs()[0].name
    rate = rate_of(lambda: session.run(None, {given: tiles}), lambda: None, batch, setting.seconds)
    how = f"onnxruntime, {'CUDA' if on_cuda else 'CPU'}, from and to the host"
    report.add(Row(net.name, how, "fp32", rate, batch, *net.work, *pair))
    if on_cuda:
        binding = session.io_binding()
        binding.bind_ortvalue_input(given, onnxruntime.OrtValue.ortvalue_from_numpy(tiles, "cuda", 0))
        binding.bind_output(out, "cuda", 0)
        rate = rate_of(lambda: session.run_with_iobinding(binding), lambda: None, batch, setting.seconds)
        report.add(Row(net.name, "onnxruntime, CUDA", "fp32", rate, batch, *net.work, *pair))


def run_onnxruntime(onnxruntime: Any, net: Net, providers: list[Any]) -> tuple[Any, np.ndarray]:
    """Return a session, and the scores of the check tiles."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(net.path), options, providers=providers)
    check = scene_tiles(net.bands, net.tile, 2)
    return session, np.asarray(session.run(None, {session.get_inputs()[0].name: check})[0])


class Driver:
    """The calls of the CUDA driver that running TensorRT requires."""

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
        memory = ctypes.c_size_t()
        self.call("cuDeviceTotalMem_v2", ctypes.byref(memory), device)
        self.total = memory.value
        self.stream = ctypes.c_void_p()
        self.call("cuStreamCreate", ctypes.byref(self.stream), 1)

    def call(self, name: str, *arguments: Any) -> None:
        code = getattr(self.library, name)(*arguments)
        if code:
            raise RuntimeError(f"{name} returned error {code}")

    def allocate(self, size: int) -> int:
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


MEASURED_KERNELS: dict[str, bytes] = {}
"""Timing cache of TensorRT by version, so that a later build need not measure again."""


def graph_of(trt: Any, path: Path, precision: str) -> bytes:
    """Return the graph that this version of TensorRT reads, converted by geoseg where it is installed.

    Raises:
        RuntimeError: the graph must state the precision, and geoseg is not installed or does not write it.
    """
    typed = not hasattr(trt.BuilderFlag, "FP16")
    if typed and precision == "int8":
        raise RuntimeError("TensorRT 11 reads the precision from the graph; write it with geoseg export")
    try:
        from geoseg.runtimes.tensorrt.tensorrt_graph import graph_for
    except ImportError as error:
        if typed and precision != "fp32":
            raise RuntimeError(
                "TensorRT 11 reads the precision from the graph, and geoseg is not installed to write it"
            ) from error
        return path.read_bytes()
    major, minor = (int(part) for part in trt.__version__.split(".")[:2])
    return graph_for(path, (major, minor), typed=precision if typed else None)


def build_engine(
    trt: Any, driver: Driver, path: Path, precision: str, shape: tuple[int, ...], tactics: str
) -> Any:
    """Return runtime, engine and logger for a precision.

    Raises:
        RuntimeError: the version lacks the precision, or cannot build the engine.
    """
    errors: list[str] = []

    class Log(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if "ERROR" in str(severity):
                errors.append(message)

    logger = Log()
    builder = trt.Builder(logger)
    creation = trt.NetworkDefinitionCreationFlag
    network = builder.create_network(
        1 << int(creation.EXPLICIT_BATCH) if hasattr(creation, "EXPLICIT_BATCH") else 0
    )
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(graph_of(trt, path, precision)):
        raise RuntimeError(parser.get_error(0).desc())
    config = builder.create_builder_config()
    if hasattr(trt.BuilderFlag, "TF32"):
        config.clear_flag(trt.BuilderFlag.TF32)
    wanted = {"fp16": ("FP16",), "bf16": ("BF16",), "int8": ("INT8", "FP16"), "fp32": ()}[precision]
    if hasattr(trt.BuilderFlag, "FP16"):
        if any(not hasattr(trt.BuilderFlag, flag) for flag in wanted):
            raise RuntimeError(f"TensorRT {trt.__version__} does not support {precision}")
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
    timed = config.create_timing_cache(MEASURED_KERNELS.get(trt.__version__, b""))
    config.set_timing_cache(timed, False)
    content = builder.build_serialized_network(network, config)
    if content is None:
        raise RuntimeError(errors[-1] if errors else "TensorRT could not build the engine")
    MEASURED_KERNELS[trt.__version__] = bytes(memoryview(config.get_timing_cache().serialize()))
    runtime = trt.Runtime(logger)
    engine = runtime.deserialize_cuda_engine(bytes(memoryview(content)))
    if engine is None:
        raise RuntimeError(errors[-1] if errors else "TensorRT could not load the engine")
    return runtime, engine, logger


def calibrator(trt: Any, driver: Driver, shape: tuple[int, ...]) -> Any:
    """Return an entropy calibrator with tiles similar to the check tiles."""
    address = driver.allocate(int(np.prod((2, *shape[1:]))) * 4)
    left = iter(np.split(scene_tiles(shape[1], shape[2], 16), 8))

    class Tiles(trt.IInt8EntropyCalibrator2):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)

        def get_batch_size(self) -> int:
            return 2

        def get_batch(self, names: Any) -> list[int] | None:  # noqa: ARG002 - signature of TensorRT
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


def measure_tensorrt(net: Net, precision: str, setting: Setting, report: Report, tactics: str) -> None:
    """Measure TensorRT in a precision, with tiles in device memory."""
    try:
        import tensorrt as trt
    except (ImportError, OSError) as error:
        report.skip(f"TensorRT: {error}")
        return
    driver = Driver()
    shape = (setting.at_once, net.bands, net.tile, net.tile)
    built = build_engine(trt, driver, net.path, precision, shape, tactics)
    rate, scores = run_engine(trt, built[1], driver, shape, setting)
    pair = (None, None) if net.scores is None else agreement(net.scores, scores)
    report.add(Row(net.name, f"TensorRT {trt.__version__}", precision, rate, shape[0], *net.work, *pair))


def run_engine(
    trt: Any, engine: Any, driver: Driver, shape: tuple[int, ...], setting: Setting
) -> tuple[float, np.ndarray]:
    """Return tiles per second, and the scores of the check tiles."""
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    names.sort(key=lambda name: engine.get_tensor_mode(name) != trt.TensorIOMode.INPUT)
    context = engine.create_execution_context()
    if context is None:
        raise RuntimeError("the device has too little memory to run the engine")
    planes = engine.get_tensor_shape(names[1])[1]
    given = driver.allocate(int(np.prod(shape)) * 4)
    found = driver.allocate(shape[0] * planes * shape[2] * shape[3] * 4)
    out = np.empty((min(2, shape[0]), planes, *shape[2:]), np.float32)

    def run() -> None:
        if not context.execute_async_v3(driver.stream.value):
            raise RuntimeError("the engine does not run")

    try:
        for number in (len(out), shape[0]):
            driver.upload(given, scene_tiles(shape[1], shape[2], number))
            context.set_input_shape(names[0], (number, *shape[1:]))
            context.set_tensor_address(names[0], given)
            context.set_tensor_address(names[1], found)
            if number == len(out):
                run()
                driver.wait()
                driver.download(out, found)
        return rate_of(run, driver.wait, shape[0], setting.seconds), out
    finally:
        driver.free(given)
        driver.free(found)


# ---------------------------------------------------------------- from strips to classes


def measure_strips(torch: Any, name: str, network: Any, bands: int, setting: Setting, report: Report) -> None:
    """Measure from uint16 strips to classes in host memory, with copies, normalisation and threshold."""
    on_cuda = setting.device != "cpu"
    device = torch.device(setting.device)
    network = network.to(device).to(memory_format=torch.channels_last).eval()
    overlap = int(setting.tile * OVERLAP)
    stride = setting.tile - overlap
    columns = 2 if setting.quick else 24
    width = columns * stride + overlap
    strip = np.random.default_rng(3).integers(0, 10000, (bands, setting.tile, width), np.uint16)
    kind = torch.float16 if on_cuda else torch.bfloat16
    batch = setting.at_once
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
                for left, score in zip(lefts, scores, strict=True):
                    classes[:, left : left + setting.tile] = (score[0] > 0.5).to(torch.uint8)
        ready.append(classes.cpu().numpy())

    work()
    repeats = 1 if setting.quick else 8
    begun = time.perf_counter()
    with Busy(on_cuda) as busy:
        for _ in range(repeats):
            ready.clear()
            work()
    seconds = time.perf_counter() - begun
    pixels = repeats * columns * stride * stride
    how = f"a plain loop, torch autocast {str(kind)[6:]}, batch {batch}"
    report.strips.append(Strips(name, how, pixels / seconds * 60 / 1e9, busy.share()))
    report.save()


def measure_sweep(name: str, runtime: str, setting: Setting, report: Report) -> None:
    """Measure a shipped bundle in geoseg's sweep, where geoseg is installed."""
    try:
        import sweep
    except ImportError as error:
        report.skip(f"geoseg's sweep: {error}; run pip install in this checkout")
        return
    busy = Busy(setting.device != "cpu")
    with tempfile.TemporaryDirectory() as scratch:
        found = sweep.measure(
            name,
            runtime,
            setting.device,
            tile=setting.tile,
            seconds=setting.seconds if setting.quick else 5 * setting.seconds,
            scratch=Path(scratch),
            watch=busy,
        )
    report.strips.append(Strips(name, found.how, found.gigapixels_a_minute, busy.share(), found.of_network))
    report.save()


class Busy:
    """Context manager that reads the utilisation of the first GPU from NVIDIA's driver."""

    PAUSE = 0.1
    """Seconds between readings; a reading covers the last sixth of a second or more."""

    def __init__(self, wanted: bool) -> None:
        self._found: list[int] = []
        self._over = threading.Event()
        self._library: Any = None
        if wanted:
            with contextlib.suppress(OSError):
                self._library = ctypes.CDLL("libnvidia-ml.so.1")
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Busy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def share(self) -> float | None:
        """Return the mean utilisation; None: unknown."""
        return statistics.fmean(self._found) / 100 if self._found else None

    def _ask(self) -> None:
        nvml = self._library
        if nvml is None or nvml.nvmlInit_v2():
            return
        device, used = ctypes.c_void_p(), (ctypes.c_uint * 2)()
        if not nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(device)):
            while not self._over.wait(self.PAUSE):
                if not nvml.nvmlDeviceGetUtilizationRates(device, ctypes.byref(used)):
                    self._found.append(used[0])
        nvml.nvmlShutdown()


# ---------------------------------------------------------------- the table


def known_peak(name: str) -> tuple[str, dict[str, float]]:
    """Return the source of peaks, and the peaks of the data sheet; none for a partition (MIG) of a device."""
    for known, peaks in PEAKS.items():
        if re.search(rf"\b{re.escape(known)}\b", name) and "MIG" not in name:
            return f"peaks of the data sheet of {known}", peaks
    return "no roofline without torch", {}


def peak_of(torch: Any, setting: Setting, name: str) -> tuple[dict[str, float], str]:
    """Return peak operations and bytes per second, from the data sheet or measured."""
    known, peaks = known_peak(name)
    if peaks:
        return peaks, known
    side = 512 if setting.quick else 2048
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
        f"peaks measured with a product of {side}² matrices, a copy of {big.numel() * 4 / 2**20:.0f} MiB",
    )


def share_of(row: Row, peaks: dict[str, float]) -> str:
    """Return the least time that arithmetic and memory allow, as a share of the time taken."""
    peak = peaks.get(row.precision) or peaks.get("fp16") or peaks.get("fp32")
    if not peak or not row.flop or "host" in row.how:
        return "-"
    width = {"fp32": 1.0, "tf32": 1.0, "int8": 0.25}.get(row.precision, 0.5)
    least = max(row.flop / peak, (row.bytes + row.weights / row.batch) * width / peaks["bytes"])
    return f"{row.rate * least:.0%}"


def table(report: Report, peaks: dict[str, float], where: str, note: str) -> str:
    """Return the tables as Markdown."""
    lines = [f"Measured on {where}; {note}.", "", "| network | how | precision | batch | tiles/s | GFLOP/tile | of the roofline | classes equal to fp32 | mean score error |", "|---|---|---|---|---|---|---|---|---|"]  # noqa: E501  # fmt: skip
    for row in report.rows:
        equal = "-" if row.equal is None else f"{row.equal:.3%}"
        error = "-" if row.error is None else f"{row.error:.1e}"
        lines.append(
            f"| {row.network} | {row.how} | {row.precision} | {row.batch} | {row.rate:.4g} | "
            f"{f'{row.flop / 1e9:.3g}' if row.flop else '-'} | {share_of(row, peaks)} | {equal} | {error} |"
        )
    lines += ["", "| network | from stored strips to classes, copies included | Gpx/min | of the network alone | GPU busy |", "|---|---|---|---|---|"]  # noqa: E501  # fmt: skip
    for strips in report.strips:
        shares = ("-" if share is None else f"{share:.0%}" for share in (strips.of_network, strips.busy))
        lines.append(f"| {strips.network} | {strips.how} | {strips.speed:.3g} | {' | '.join(shares)} |")
    if report.missing:
        lines += ["", "Not measured:", "", *(f"- {text}" for text in report.missing)]
    return "\n".join(lines) + "\n"


def bundles_of(folder: Path, tile: int, report: Report) -> list[Net]:
    """Return the bundles that geoseg ships, from a checkout."""
    found = sorted(folder.glob("*/model.json")) if folder.is_dir() else []
    if not found:
        report.skip(f"shipped bundles: none at {folder}")
    nets = []
    for path in found:
        bands = len(json.loads(path.read_text())["properties"]["mlm:input"][0]["bands"])
        nets.append(Net(path.parent.name, path.with_name("model.onnx"), bands, tile))
    return nets


def files_of(folder: Path) -> list[Net]:
    """Return the files of `--export`, whose names end with number of bands and tile size."""
    nets = []
    for path in sorted(folder.glob("*.onnx")):
        name, bands, tile = path.stem.rsplit("-", 2)
        flop, size, weights = json.loads(path.with_suffix(".json").read_text())
        nets.append(Net(name, path, int(bands), int(tile), (flop, size, weights)))
    return nets


def export_bundles(nets: list[Net], target: Path, report: Report) -> None:
    """Write the shipped bundles in a form that TensorRT 8.5 reads."""
    try:
        from geoseg.runtimes.tensorrt.tensorrt_graph import graph_for
    except ImportError as error:
        report.skip(f"shipped bundles for TensorRT 8.5: {error}")
        return
    for net in nets:
        written = target / f"{net.name}-{net.bands}-{net.tile}.onnx"
        written.write_bytes(graph_for(net.path, (8, 5), typed=None))
        written.with_suffix(".json").write_text(json.dumps(net.work))


def has_driver() -> bool:
    """Return whether NVIDIA's driver is available."""
    try:
        Driver()
    except (OSError, RuntimeError):
        return False
    return True


def read_options() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--quick", action="store_true", help="use small tiles and short measurements, for a test")
    add("--cpu", action="store_true", help="do not use a GPU")
    add("--seconds", type=float, default=1.0, help="duration of each measurement")
    add("--minutes", type=float, default=7.0, help="time after which no measurement starts")
    add("--only", default="", help="only networks whose name contains this text")
    add("--bundles", type=Path, default=Path(__file__).parents[2] / "models" / "zoo")
    add("--export", type=Path, metavar="FOLDER", help="write the networks to this folder, and stop")
    add("--onnx", type=Path, metavar="FOLDER", help="measure the networks in this folder")
    add("--tactics", default="", help="TensorRT's tactic sources as bits; 0 without cuBLAS and cuDNN")
    add("--out", type=Path, help="also write the tables to this file")
    return parser.parse_args()


def networks_of(torch: Any, setting: Setting) -> dict[str, tuple[int, Callable[[], Any]]]:
    """Return number of bands and constructor of each network, by name."""
    found: dict[str, tuple[int, Callable[[], Any]]] = {
        f"U-Net resnet{depth}, {bands} bands": (bands, lambda b=bands, n=layers: unet(torch, b, n))
        for depth, layers in ((18, (2, 2, 2, 2)), (34, (3, 4, 6, 3)))
        for bands in (6, 13)
    }
    width, depth, heads = (64, 2, 2) if setting.quick else (768, 12, 12)
    name = f"ViT 16 of {depth} layers of {width}, light decoder, 6 bands"
    found[name] = (6, lambda: vit(torch, 6, setting.tile, width, depth, heads))
    return found


def measure_networks(
    torch: Any, setting: Setting, report: Report, only: str, folder: Path, *, exporting: bool, measuring: bool
) -> list[Net]:
    """Make each network, measure it in torch, write it as ONNX, and return the networks written."""
    nets = []
    for name, (bands, make) in networks_of(torch, setting).items():
        if only not in name:
            continue
        torch.manual_seed(0)
        network = make().eval()
        spread(torch, network, torch.from_numpy(scene_tiles(bands, setting.tile, 1)))
        work = count(torch, network, torch.zeros(1, bands, setting.tile, setting.tile))
        net = Net(name, folder / f"{name}-{bands}-{setting.tile}.onnx", bands, setting.tile, work)
        if measuring:
            measure_network(torch, net, network, setting, report)
        if exporting and export(torch, network, bands, setting.tile, net.path, report, name):
            net.path.with_suffix(".json").write_text(json.dumps(work))
            nets.append(net)
    return nets


def measure_network(torch: Any, net: Net, network: Any, setting: Setting, report: Report) -> None:
    """Measure a network in torch, alone and from strips to classes."""

    def alone() -> None:
        net.scores = measure_torch(torch, net.name, network, net.bands, setting, report)

    report.attempt("network", f"{net.name} by torch", alone)
    strips = lambda: measure_strips(torch, net.name, network, net.bands, setting, report)  # noqa: E731
    report.attempt("strips", f"{net.name} from strips to classes", strips)
    free(torch)


def measure_nets(nets: list[Net], setting: Setting, report: Report, tactics: str) -> None:
    """Measure files with onnxruntime, then with TensorRT, one precision after the other."""
    for net in nets:
        work = lambda net=net: measure_onnxruntime(net, setting, report)  # noqa: E731
        report.attempt("onnxruntime", f"{net.name} by onnxruntime", work)
    if setting.device == "cpu":
        report.skip("TensorRT: no GPU is available")
        return
    for precision in ("fp16", "int8", "fp32", "bf16"):
        for net in nets:
            work = lambda net=net: measure_tensorrt(net, precision, setting, report, tactics)  # noqa: B023, E731
            report.attempt("TensorRT", f"{net.name}, TensorRT {precision}", work)


def device_of(torch: Any) -> tuple[str, int]:
    """Return name and memory in bytes of the first device."""
    if torch is not None:
        return torch.cuda.get_device_name(0), torch.cuda.get_device_properties(0).total_memory
    driver = Driver()
    return driver.name, driver.total


def reads_files(cuda: bool) -> bool:
    """Return whether a runtime for ONNX files is installed for the device that is measured."""
    if find_spec("tensorrt") is not None and cuda:
        return True
    try:
        import onnxruntime
    except ImportError:
        return False
    return not cuda or "CUDAExecutionProvider" in onnxruntime.get_available_providers()


def main() -> int:
    options = read_options()
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    # Least durations, so that such a measurement does not start late.
    long = {} if options.quick else {"network": 40.0, "TensorRT": 90.0}
    report = Report(until=time.monotonic() + 60 * options.minutes, longest=long)
    torch = import_torch()
    in_torch = torch is not None and torch.cuda.is_available()
    cuda = not options.cpu and (in_torch or has_driver())
    if not cuda:
        report.skip("GPUs: --cpu was given" if options.cpu else "GPUs: none was found")
    setting = Setting(
        device="cuda:0" if cuda else "cpu",
        tile=64 if options.quick else 512,
        batches=(1, 2) if options.quick else (1, 8, 32) if cuda else (1,),
        seconds=0.05 if options.quick else options.seconds,
        quick=options.quick,
    )
    where = f"{platform.processor() or platform.machine()} (CPU)"
    if cuda:
        where, total = device_of(torch if in_torch else None)
        setting.at_once = 2 if options.quick else MOST_AT_ONCE if total >= ROOMY else MOST_AT_ONCE // 4
    note, peaks = known_peak(where)
    measuring = (
        torch is not None and options.onnx is None and options.export is None and (in_torch or not cuda)
    )
    if torch is None:
        report.skip("networks of this script: torch is not installed")
    elif cuda and not in_torch:
        report.skip(f"torch: {torch.__version__} has no GPU")
    if measuring:
        where = f"{where}, torch {torch.__version__}"
        peaks, note = peak_of(torch, setting, where)
    where = f"{where}, tiles of {setting.tile}²"

    def text() -> str:
        return table(report, peaks, where, note)

    if options.out is not None:
        report.save = lambda: options.out.write_text(text(), encoding="utf-8") and None
    bundles = bundles_of(options.bundles, setting.tile, report)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.export or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        nets = files_of(options.onnx) if options.onnx is not None else []
        if torch is not None and options.onnx is None:
            exporting = options.export is not None or reads_files(cuda)
            nets = measure_networks(
                torch, setting, report, options.only, folder, exporting=exporting, measuring=measuring
            )
        if options.export is not None:
            export_bundles(bundles, folder, report)
            return 0
        if measuring:
            for net in bundles:
                for runtime in ("onnxruntime", *(("tensorrt",) if cuda and find_spec("tensorrt") else ())):
                    work = lambda net=net, by=runtime: measure_sweep(net.name, by, setting, report)  # noqa: E731
                    report.attempt("sweep", f"{net.name} by geoseg's sweep, {runtime}", work)
            # Other work on the machine can only reduce a measured peak, so the greater of two is used.
            again, _ = peak_of(torch, setting, where)
            peaks.update({key: max(value, again[key]) for key, value in peaks.items()})
            free(torch)
        written = {net.name for net in nets}
        nets += [net for net in bundles if net.name not in written]
        measure_nets(nets, setting, report, options.tactics)
    report.save()
    print(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
