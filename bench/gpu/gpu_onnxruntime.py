"""Measure ONNX files in onnxruntime."""

from __future__ import annotations

import contextlib
import io
from importlib.util import find_spec
from typing import Any

import numpy as np
from gpu_rates import agreement, rate_of, scene_tiles
from gpu_report import Net, Report, Row, Setting


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


def reads_files(cuda: bool) -> bool:
    """Return whether a runtime for ONNX files is installed for the device that is measured."""
    if find_spec("tensorrt") is not None and cuda:
        return True
    try:
        import onnxruntime
    except ImportError:
        return False
    return not cuda or "CUDAExecutionProvider" in onnxruntime.get_available_providers()
