"""Measure networks in torch, and write them as ONNX files."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gpu_networks import count, free
from gpu_rates import agreement, rate_of, scene_tiles
from gpu_report import Report, Row, Setting


def set_tf32(torch: Any, on: bool) -> None:
    """Enable or disable TensorFloat-32."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions deprecate these names
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = on


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
