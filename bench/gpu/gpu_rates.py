"""Rates of calls, peaks of devices, and inputs and agreement of scores."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from gpu_report import Setting

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


OVERLAP = 1 / 8
"""Overlap of neighbouring tiles as a share of their side: 64 of 512."""


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
