"""Measure from strips in host memory to classes in host memory."""

from __future__ import annotations

import contextlib
import ctypes
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from gpu_rates import OVERLAP
from gpu_report import Report, Setting, Strips


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
