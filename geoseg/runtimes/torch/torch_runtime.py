"""PyTorch: runs a bundle's graph on CUDA devices, and on the CPU.

The file is light: torch itself, and what is built on it, are imported when a network is loaded.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from geoseg.errors import RuntimeMissingError
from geoseg.runtimes import cuda
from geoseg.runtimes.graph import DeviceGraph, Port, Precision, RuntimeStatus, Wanted, check_ports
from geoseg.spec import ModelSpec

NAME = "torch"
REMEDY = "pip install 'geoseg[torch]'"
CUDA_BATCH = 8
"""Tiles a call on CUDA, where nothing else is said and the batch is not searched for."""


def status() -> RuntimeStatus:
    """Say whether torch can be used, and on what."""
    missing = [name for name in ("torch", "onnx") if find_spec(name) is None]
    if missing:
        return RuntimeStatus(name=NAME, why_not=f"needs {' and '.join(missing)}", remedy=REMEDY)
    try:
        import torch  # noqa: PLC0415 - seconds to import
    except (ImportError, OSError) as error:
        return RuntimeStatus(name=NAME, why_not=f"cannot be imported ({error})", remedy=REMEDY)
    why, remedy = _why_no_cuda(torch)
    count = 0 if why else torch.cuda.device_count()
    # Before sm_80 bfloat16 is emulated, and slow.
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
    """Why torch has no CUDA device, and the remedy; empty where it has one."""
    if torch.cuda.is_available():
        return "", ""
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is built for the CPU only", "pip install --force-reinstall torch"
    why = cuda.why_none()
    if why:
        return why, "nvidia-smi"
    return (
        f"torch {torch.__version__} is built for CUDA {torch.version.cuda}, which the driver does not fit",
        "update the NVIDIA driver, or pip install a torch built for an older CUDA",
    )


def load(spec: ModelSpec, wanted: Wanted) -> DeviceGraph:
    """Load a network. Of CUDA, fp32 is exact, without TensorFloat-32; the others are torch's autocast.

    Raises:
        ModelError: the file is not a network that torch runs here, or does not fit its description.
        RuntimeMissingError: the device or precision is not there.
    """
    device, precision, tile = wanted.device, wanted.precision, wanted.tile
    found = status()
    if not found.usable:
        raise RuntimeMissingError(f"{NAME} {found.why_not}: {found.remedy}")
    if device != "cpu" and not found.has_cuda:
        raise RuntimeMissingError(f"{device}: {found.why_no_cuda}: {found.cuda_remedy}; or say --device cpu")
    if device == "cuda":
        device = "cuda:0"
    if device not in found.devices:
        raise RuntimeMissingError(f"{device}: torch sees {', '.join(found.devices)}")
    if precision not in found.precisions_on(device):
        has = ", ".join(found.precisions_on(device))
        raise RuntimeMissingError(
            f"torch has no {precision} on {device} (it has {has}); say --precision auto"
        )
    from geoseg.runtimes.torch.torch_graph import TorchGraph  # noqa: PLC0415 - imports torch
    from geoseg.runtimes.torch.torch_module import OnnxModule, ports_of, read_model  # noqa: PLC0415

    inputs, outputs = ports_of(read_model(spec.weights))
    ports = check_ports(spec, _ports(inputs), _ports(outputs), tile)
    module = OnnxModule(spec.weights, ports.output.name)
    size = ports.batch or (1 if device == "cpu" else wanted.batch or CUDA_BATCH)
    where = f"{device}, {wanted.threads} threads" if device == "cpu" else device
    text = f"torch {found.version}, {where}, {precision}"
    graph = TorchGraph(module, ports, device=device, precision=precision, batch=size, description=text)
    least = size if ports.batch or wanted.batch else 1
    graph.prepare((len(spec.bands), tile, tile), wanted.threads, least=least)
    return graph


def _ports(found: list[tuple[str, str, tuple[int | None, ...] | None]]) -> list[Port]:
    return [Port(name=name, dtype=dtype, shape=shape) for name, dtype, shape in found]
