"""PyTorch: runs the torch.export program of a bundle on CUDA devices and on the CPU.

Torch and the modules that need it are imported when a network is loaded.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from geoseg.bundles.program import trusted_program
from geoseg.errors import RuntimeMissingError
from geoseg.runtimes import cuda
from geoseg.runtimes.graph import DeviceGraph, LoadRequest, Precision, RuntimeStatus, check_ports

NAME = "torch"
REMEDY = "pip install 'geoseg[torch]'"
CUDA_BATCH = 8
"""Default tiles per call on CUDA; halved while memory is too small."""


def status() -> RuntimeStatus:
    """Return whether torch can be used, and on which devices."""
    if find_spec("torch") is None:
        return RuntimeStatus(name=NAME, why_not="is not installed", remedy=REMEDY)
    try:
        import torch  # noqa: PLC0415 - seconds to import
    except (ImportError, OSError) as error:
        return RuntimeStatus(name=NAME, why_not=f"cannot be imported ({error})", remedy=REMEDY)
    why, remedy = _why_no_cuda(torch)
    count = 0 if why else torch.cuda.device_count()
    # Before sm_80, bfloat16 is emulated and slow.
    native = bool(count) and torch.cuda.get_device_capability(0) >= (8, 0)
    half: tuple[Precision, ...] = ("fp16", "bf16") if native else ("fp16",)
    return RuntimeStatus(
        name=NAME,
        version=torch.__version__,
        devices=("cpu", *(f"cuda:{index}" for index in range(count))),
        precisions=("fp32", "bf16"),
        cuda_precisions=("fp32", *half) if count else (),
        why_no_cuda=why,
        cuda_remedy=remedy,
    )


def _why_no_cuda(torch: Any) -> tuple[str, str]:
    """Return why torch has no CUDA device, and the remedy; empty where it has one."""
    if torch.cuda.is_available():
        return "", ""
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is built for the CPU only", "`pip install --force-reinstall torch`"
    why = cuda.why_none()
    if why:
        return why, "nvidia-smi"
    return (
        f"torch {torch.__version__} is built for CUDA {torch.version.cuda}, which the driver does "
        "not support",
        "update the NVIDIA driver, or pip install a torch built for an older CUDA",
    )


def load(request: LoadRequest) -> DeviceGraph:
    """Load a program. On CUDA, fp32 is exact, without TensorFloat-32; other precisions use torch's autocast.

    Raises:
        ModelError: the model has no program, its author is not trusted, torch cannot run it, or it does not
            fit its description.
        RuntimeMissingError: the device or precision is not available.
    """
    spec, device, precision, tile = request.spec, request.device, request.precision, request.tile
    available = status()
    if not available.usable:
        raise RuntimeMissingError(f"{NAME} {available.why_not}: {available.remedy}")
    if device != "cpu" and not available.has_cuda:
        raise RuntimeMissingError(
            f"{device}: {available.why_no_cuda}: {available.cuda_remedy}; or use `--device cpu`"
        )
    if device == "cuda":
        device = "cuda:0"
    if device not in available.devices:
        raise RuntimeMissingError(f"{device}: torch finds only {', '.join(available.devices)}")
    if precision not in available.precisions_on(device):
        has = ", ".join(available.precisions_on(device))
        raise RuntimeMissingError(
            f"torch does not support {precision} on {device}, only {has}; use `--precision auto`"
        )
    path = trusted_program(spec)
    from geoseg.runtimes.torch.torch_graph import TorchGraph, read_program  # noqa: PLC0415 - imports torch

    module, image, scores = read_program(path, spec, device)
    ports = check_ports(spec, [image], [scores], tile)
    size = ports.batch or (1 if device == "cpu" else request.batch or CUDA_BATCH)
    where = f"{device}, {request.threads} threads" if device == "cpu" else device
    text = f"torch {available.version}, {where}, {precision}"
    graph = TorchGraph(module, ports, device=device, precision=precision, batch=size, description=text)
    least = size if ports.batch or request.batch else 1
    graph.prepare((spec.channels, tile, tile), request.threads, least=least)
    return graph
