"""CUDA devices, by calls of the driver (`libcuda`) through ctypes: no package has to be installed.

The driver's interface keeps its names and signatures over all versions of TensorRT and torch in use, and
shares the primary context of a device with them. Source: NVIDIA, CUDA Driver API.
"""

from __future__ import annotations

import ctypes
import os
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

from geoseg.errors import RuntimeMissingError

LIBRARY = "GEOSEG_LIBCUDA"
"""Environment variable with the path of the driver's library, if its usual name is not found."""

OUT_OF_MEMORY = 2
"""Error code of the driver for too little memory."""

MAJOR, MINOR = 75, 76
"""Attributes of a device: major and minor number of its compute capability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """A CUDA device."""

    index: int
    name: str
    capability: tuple[int, int]
    memory: int
    """Bytes."""

    @property
    def text(self) -> str:
        """Name, compute capability and memory in one line."""
        major, minor = self.capability
        return f"{self.name} (sm_{major}{minor}, {self.memory / 2**30:.0f} GiB)"


class DeviceMemoryError(RuntimeMissingError):
    """The device has too little memory."""


MEMORY = (
    *("out of memory", "ALLOC_FAILED", "Failed to allocate", "not enough memory"),
    "unable to find an engine",
)
"""Parts of messages about too little memory, which libraries on CUDA raise as errors of any type."""


def memory_error(error: Exception, device: str, what: str) -> DeviceMemoryError | None:
    """Return the error for an exception of a runtime that means too little memory; None: it means another.

    Args:
        error: raised by the runtime.
        device: its name.
        what: what could not be done, after "to".
    """
    if type(error).__name__ != "OutOfMemoryError" and not any(words in str(error) for words in MEMORY):
        return None
    return DeviceMemoryError(
        f"{device}: too little memory to {what}; use `--batch-size 1` or a smaller `--tile`"
    )


@cache
def driver() -> Any:
    """Load and initialise the driver.

    Raises:
        RuntimeMissingError: no driver is installed, or it finds no device.
    """
    usual = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        library = ctypes.CDLL(os.environ.get(LIBRARY) or usual)
    except OSError as error:
        raise RuntimeMissingError(
            f"no NVIDIA driver is installed ({usual} cannot be loaded); install it, and in a container "
            "start with `docker run --gpus all`"
        ) from error
    code = library.cuInit(0)
    if code:
        raise RuntimeMissingError(f"the NVIDIA driver finds no usable GPU ({_name(library, code)})")
    return library


def call(name: str, *arguments: Any) -> None:
    """Call a function of the driver.

    Raises:
        DeviceMemoryError: the device has too little memory.
        RuntimeMissingError: the function failed otherwise.
    """
    library = driver()
    code = getattr(library, name)(*arguments)
    if code == OUT_OF_MEMORY:
        raise DeviceMemoryError("the GPU has too little memory; use a smaller `--batch-size` or `--tile`")
    if code:
        raise RuntimeMissingError(f"the NVIDIA driver failed: {name}: {_name(library, code)}")


def _name(library: Any, code: int) -> str:
    text = ctypes.c_char_p()
    library.cuGetErrorName(code, ctypes.byref(text))
    return (text.value or b"error %d" % code).decode()


def gpus() -> tuple[Gpu, ...]:
    """List the CUDA devices that are visible to the process (`CUDA_VISIBLE_DEVICES`).

    Raises:
        RuntimeMissingError: no driver is installed, or it finds no device.
    """
    count = ctypes.c_int()
    call("cuDeviceGetCount", ctypes.byref(count))
    return tuple(_describe(index) for index in range(count.value))


def any_gpu() -> bool:
    """Return whether there is a CUDA device; takes milliseconds, as no runtime is imported."""
    try:
        return bool(gpus())
    except RuntimeMissingError:
        return False


def why_none() -> str:
    """Return why no CUDA device can be used; empty where there is one."""
    try:
        return "" if gpus() else "the NVIDIA driver finds no GPU"
    except RuntimeMissingError as error:
        return str(error)


def gpu_of(device: str) -> Gpu:
    """Return the device that `cuda` or `cuda:N` names.

    Raises:
        RuntimeMissingError: there is no device of that number.
    """
    devices = gpus()
    index = int(device.partition(":")[2] or 0)
    if index >= len(devices):
        names = ", ".join(f"cuda:{gpu.index} {gpu.name}" for gpu in devices) or "no GPU"
        raise RuntimeMissingError(f"{device}: there is no such GPU; the machine has {names}")
    return devices[index]


def require(device: str, runtime: str) -> None:
    """Check that a CUDA device which the options name is available, also for methods without a network.

    Args:
        device: value of `--device`; `auto` and `cpu` name no CUDA device.
        runtime: value of `--runtime`; `tensorrt` requires a CUDA device.

    Raises:
        RuntimeMissingError: the device is not available.
    """
    if device.startswith("cuda"):
        option, instead = f"`--device {device}`", "`--device cpu`"
    elif runtime == "tensorrt":
        option, instead = "`--runtime tensorrt`", "`--runtime auto`"
    else:
        return
    try:
        gpu_of(device if device.startswith("cuda") else "cuda")
    except RuntimeMissingError as error:
        why = str(error).removeprefix(f"{device}: ")
        raise RuntimeMissingError(
            f"{option}: {why}. nvidia-smi lists the GPUs that the driver finds; or use {instead}"
        ) from error


def _describe(index: int) -> Gpu:
    handle, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    memory, name = ctypes.c_size_t(), ctypes.create_string_buffer(256)
    call("cuDeviceGet", ctypes.byref(handle), index)
    call("cuDeviceGetName", name, len(name), handle)
    call("cuDeviceGetAttribute", ctypes.byref(major), MAJOR, handle)
    call("cuDeviceGetAttribute", ctypes.byref(minor), MINOR, handle)
    call("cuDeviceTotalMem_v2", ctypes.byref(memory), handle)
    return Gpu(
        index=index,
        name=name.value.decode(errors="replace"),
        capability=(major.value, minor.value),
        memory=memory.value,
    )
