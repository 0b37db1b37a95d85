"""CUDA devices by the driver itself (`libcuda`), through ctypes: no package has to be installed.

The driver's interface is older than every TensorRT and torch in use and keeps its names and signatures, so
that one file serves them all. It shares the device's primary context with them: memory and streams made
here are theirs too. Source: NVIDIA, CUDA Driver API.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.errors import RuntimeMissingError

LIBRARY = "GEOSEG_LIBCUDA"
"""Names the driver's library where it is not found by its usual name."""

OUT_OF_MEMORY = 2
"""The driver's code for it."""

MAJOR, MINOR = 75, 76
"""Attributes of a device: its compute capability."""

PORTABLE = 1
"""Flag of pinned memory that every device may copy from."""

NON_BLOCKING = 1
"""Flag of a stream that does not wait for the default one."""

NO_TIMING = 2
"""Flag of an event that only orders work."""

THREAD_LOCAL = 1
"""Mode of a capture that other threads do not disturb."""


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
        """One line for people."""
        major, minor = self.capability
        return f"{self.name} (sm_{major}{minor}, {self.memory / 2**30:.0f} GiB)"


class DeviceMemoryError(RuntimeMissingError):
    """The device has too little memory."""


@cache
def driver() -> Any:
    """Load and start the driver.

    Raises:
        RuntimeMissingError: there is none, or it finds no device.
    """
    usual = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        library = ctypes.CDLL(os.environ.get(LIBRARY) or usual)
    except OSError as error:
        raise RuntimeMissingError(
            f"no NVIDIA driver is installed ({usual} cannot be loaded); install it, and in a container "
            "start with --gpus all"
        ) from error
    code = library.cuInit(0)
    if code:
        raise RuntimeMissingError(f"the NVIDIA driver finds no usable GPU ({_name(library, code)})")
    return library


def call(name: str, *arguments: Any) -> None:
    """Call a function of the driver.

    Raises:
        DeviceMemoryError: the device has too little memory.
        RuntimeMissingError: it failed otherwise; the message names function and error.
    """
    library = driver()
    code = getattr(library, name)(*arguments)
    if code == OUT_OF_MEMORY:
        raise DeviceMemoryError("the GPU has too little memory; say a smaller --batch-size or --tile")
    if code:
        raise RuntimeMissingError(f"the NVIDIA driver failed: {name}: {_name(library, code)}")


def _name(library: Any, code: int) -> str:
    text = ctypes.c_char_p()
    library.cuGetErrorName(code, ctypes.byref(text))
    return (text.value or b"error %d" % code).decode()


def gpus() -> tuple[Gpu, ...]:
    """List the CUDA devices that `CUDA_VISIBLE_DEVICES` lets the process see.

    Raises:
        RuntimeMissingError: there is no driver, or no device.
    """
    count = ctypes.c_int()
    call("cuDeviceGetCount", ctypes.byref(count))
    return tuple(_describe(index) for index in range(count.value))


def any_gpu() -> bool:
    """Whether there is a CUDA device; costs milliseconds, as neither torch nor a runtime is imported."""
    try:
        return bool(gpus())
    except RuntimeMissingError:
        return False


def why_none() -> str:
    """Say why no CUDA device can be used; empty where there is one."""
    try:
        return "" if gpus() else "the NVIDIA driver finds no GPU"
    except RuntimeMissingError as error:
        return str(error)


def gpu_of(device: str) -> Gpu:
    """Return the device that `cuda` or `cuda:N` names.

    Raises:
        RuntimeMissingError: there is none of that number.
    """
    found = gpus()
    index = int(device.partition(":")[2] or 0)
    if index >= len(found):
        there = ", ".join(f"cuda:{gpu.index} {gpu.name}" for gpu in found) or "none"
        raise RuntimeMissingError(f"{device}: there is no such GPU; there is {there}")
    return found[index]


def require(device: str, runtime: str) -> None:
    """See that the CUDA device which a request names is there, whatever the request would run on it.

    Args:
        device: as in `--device`; `auto` and `cpu` name none.
        runtime: as in `--runtime`; `tensorrt` needs a device whatever `device` says.

    Raises:
        RuntimeMissingError: it is not there.
    """
    if device.startswith("cuda"):
        asked, instead = f"--device {device}", "--device cpu"
    elif runtime == "tensorrt":
        asked, instead = "--runtime tensorrt", "--runtime auto"
    else:
        return
    try:
        gpu_of(device if device.startswith("cuda") else "cuda")
    except RuntimeMissingError as error:
        why = str(error).removeprefix(f"{device}: ")
        raise RuntimeMissingError(
            f"{asked}: {why}. nvidia-smi shows what the driver finds; or say {instead}"
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


class Context:
    """The primary context of a device: what torch, TensorRT and the CUDA runtime use as well."""

    def __init__(self, gpu: Gpu) -> None:
        """Take hold of it; `close` lets go."""
        self._handle, self._device = ctypes.c_void_p(), ctypes.c_int()
        call("cuDeviceGet", ctypes.byref(self._device), gpu.index)
        call("cuDevicePrimaryCtxRetain", ctypes.byref(self._handle), self._device)

    def use(self) -> None:
        """Make it the calling thread's."""
        call("cuCtxSetCurrent", self._handle)

    def close(self) -> None:
        """Let go; whatever was made in it must be freed before."""
        call("cuDevicePrimaryCtxRelease_v2", self._device)


class Buffer:
    """Memory on a device, or pinned memory on the host that the device copies from without a stop."""

    def __init__(self, size: int, *, pinned: bool) -> None:
        """Allocate; `close` frees.

        Args:
            size: bytes.
            pinned: on the host.

        Raises:
            DeviceMemoryError: there is not so much.
        """
        self.size = size
        self._pinned = pinned
        handle = ctypes.c_void_p()
        if pinned:
            call("cuMemHostAlloc", ctypes.byref(handle), ctypes.c_size_t(size), PORTABLE)
        else:
            call("cuMemAlloc_v2", ctypes.byref(handle), ctypes.c_size_t(size))
        self.address = handle.value or 0

    def array(self, dtype: type[np.generic] | np.dtype[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
        """See pinned memory as an array; it must not be used after `close`."""
        content = memoryview((ctypes.c_char * self.size).from_address(self.address)).cast("B")
        return np.frombuffer(content, np.dtype(dtype), int(np.prod(shape))).reshape(shape)

    def close(self) -> None:
        """Free it, once."""
        if self.address:
            call("cuMemFreeHost" if self._pinned else "cuMemFree_v2", ctypes.c_void_p(self.address))
            self.address = 0


class Stream:
    """A queue of work on a device."""

    def __init__(self) -> None:
        """Make one; `close` destroys it."""
        self._handle = ctypes.c_void_p()
        call("cuStreamCreate", ctypes.byref(self._handle), NON_BLOCKING)

    @property
    def address(self) -> int:
        """What TensorRT takes for a stream."""
        return self._handle.value or 0

    def upload(self, device: Buffer, host: Buffer, size: int) -> None:
        """Queue a copy to the device."""
        call(
            "cuMemcpyHtoDAsync_v2",
            ctypes.c_void_p(device.address),
            ctypes.c_void_p(host.address),
            ctypes.c_size_t(size),
            self._handle,
        )

    def download(self, host: Buffer, device: Buffer, size: int) -> None:
        """Queue a copy from the device."""
        call(
            "cuMemcpyDtoHAsync_v2",
            ctypes.c_void_p(host.address),
            ctypes.c_void_p(device.address),
            ctypes.c_size_t(size),
            self._handle,
        )

    def record(self, event: Event) -> None:
        """Mark what is queued so far."""
        call("cuEventRecord", event.handle, self._handle)

    def after(self, event: Event) -> None:
        """Queue what follows behind the mark of another stream."""
        call("cuStreamWaitEvent", self._handle, event.handle, 0)

    def wait(self) -> None:
        """Wait until all is done; errors of the device come out here."""
        call("cuStreamSynchronize", self._handle)

    @contextmanager
    def capture(self) -> Iterator[CapturedWork]:
        """Record the work queued within instead of doing it.

        Raises:
            RuntimeMissingError: something within cannot be captured.
        """
        captured = CapturedWork()
        call("cuStreamBeginCapture_v2", self._handle, THREAD_LOCAL)
        graph = ctypes.c_void_p()
        try:
            yield captured
        finally:
            call("cuStreamEndCapture", self._handle, ctypes.byref(graph))
        captured.instantiate(graph)

    def launch(self, work: CapturedWork) -> None:
        """Queue captured work as one."""
        call("cuGraphLaunch", work.handle, self._handle)

    def close(self) -> None:
        """Destroy it."""
        if self._handle:
            call("cuStreamDestroy_v2", self._handle)
            self._handle = ctypes.c_void_p()


class Event:
    """A mark in a stream that another one, or the host, can wait for."""

    def __init__(self) -> None:
        """Make one; `close` destroys it."""
        self.handle = ctypes.c_void_p()
        call("cuEventCreate", ctypes.byref(self.handle), NO_TIMING)

    def wait(self) -> None:
        """Wait on the host."""
        call("cuEventSynchronize", self.handle)

    def close(self) -> None:
        """Destroy it."""
        if self.handle:
            call("cuEventDestroy_v2", self.handle)
            self.handle = ctypes.c_void_p()


class CapturedWork:
    """A CUDA graph: work that is queued with one call instead of one a kernel."""

    def __init__(self) -> None:
        """Make an empty one; `Stream.capture` fills it."""
        self._graph = ctypes.c_void_p()
        self.handle = ctypes.c_void_p()

    def instantiate(self, graph: ctypes.c_void_p) -> None:
        """Make it ready to launch."""
        self._graph = graph
        call("cuGraphInstantiateWithFlags", ctypes.byref(self.handle), graph, ctypes.c_ulonglong(0))

    def close(self) -> None:
        """Free it."""
        if self.handle:
            call("cuGraphExecDestroy", self.handle)
            call("cuGraphDestroy", self._graph)
            self.handle = ctypes.c_void_p()
