"""Memory, streams, events and captured work of a CUDA device, by the driver's functions.

Source: NVIDIA, CUDA Driver API.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geoseg.runtimes.cuda import Gpu, call

PORTABLE = 1
"""Flag of pinned memory from which every device may copy."""

NON_BLOCKING = 1
"""Flag of a stream that does not wait for the default stream."""

NO_TIMING = 2
"""Flag of an event that only orders work."""

THREAD_LOCAL = 1
"""Mode of a capture that ignores the work of other threads."""


class DeviceContext:
    """The primary context of a device, which torch, TensorRT and the CUDA runtime share."""

    def __init__(self, gpu: Gpu) -> None:
        """Retain the context; `close` releases it."""
        self._handle, self._device = ctypes.c_void_p(), ctypes.c_int()
        call("cuDeviceGet", ctypes.byref(self._device), gpu.index)
        call("cuDevicePrimaryCtxRetain", ctypes.byref(self._handle), self._device)

    def use(self) -> None:
        """Make it the current context of the calling thread."""
        call("cuCtxSetCurrent", self._handle)

    def close(self) -> None:
        """Release the context; free all memory and streams in it before."""
        call("cuDevicePrimaryCtxRelease_v2", self._device)


class Buffer:
    """Memory on a device, or pinned memory on the host for asynchronous copies."""

    def __init__(self, size: int, *, pinned: bool) -> None:
        """Allocate; `close` frees.

        Args:
            size: number of bytes.
            pinned: whether the memory is pinned memory on the host.

        Raises:
            DeviceMemoryError: too little memory is free.
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
        """Return pinned memory as an array; do not use it after `close`."""
        content = memoryview((ctypes.c_char * self.size).from_address(self.address)).cast("B")
        return np.frombuffer(content, np.dtype(dtype), int(np.prod(shape))).reshape(shape)

    def close(self) -> None:
        """Free the memory; further calls have no effect."""
        if self.address:
            call("cuMemFreeHost" if self._pinned else "cuMemFree_v2", ctypes.c_void_p(self.address))
            self.address = 0


class Stream:
    """A queue of work on a device."""

    def __init__(self) -> None:
        """Create it; `close` destroys it."""
        self._handle = ctypes.c_void_p()
        call("cuStreamCreate", ctypes.byref(self._handle), NON_BLOCKING)

    @property
    def address(self) -> int:
        """Handle of the stream as TensorRT expects it."""
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
        """Record an event behind the work queued so far."""
        call("cuEventRecord", event.handle, self._handle)

    def after(self, event: Event) -> None:
        """Make later work wait for an event of another stream."""
        call("cuStreamWaitEvent", self._handle, event.handle, 0)

    def wait(self) -> None:
        """Wait until all queued work is done; raises errors of the device."""
        call("cuStreamSynchronize", self._handle)

    @contextmanager
    def capture(self) -> Iterator[CapturedWork]:
        """Record the work queued within the block without running it.

        Raises:
            RuntimeMissingError: the driver cannot capture some of the work.
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
        """Queue captured work with one call."""
        call("cuGraphLaunch", work.handle, self._handle)

    def close(self) -> None:
        """Destroy it."""
        if self._handle:
            call("cuStreamDestroy_v2", self._handle)
            self._handle = ctypes.c_void_p()


class Event:
    """A point in the work of a stream for which another stream or the host can wait."""

    def __init__(self) -> None:
        """Create it; `close` destroys it."""
        self.handle = ctypes.c_void_p()
        call("cuEventCreate", ctypes.byref(self.handle), NO_TIMING)

    def wait(self) -> None:
        """Wait on the host for the event."""
        call("cuEventSynchronize", self.handle)

    def close(self) -> None:
        """Destroy it."""
        if self.handle:
            call("cuEventDestroy_v2", self.handle)
            self.handle = ctypes.c_void_p()


class CapturedWork:
    """A CUDA graph: work that is queued with one call instead of one call per kernel."""

    def __init__(self) -> None:
        """Create an empty graph; `Stream.capture` fills it."""
        self._graph = ctypes.c_void_p()
        self.handle = ctypes.c_void_p()

    def instantiate(self, graph: ctypes.c_void_p) -> None:
        """Prepare the work for launching."""
        self._graph = graph
        call("cuGraphInstantiateWithFlags", ctypes.byref(self.handle), graph, ctypes.c_ulonglong(0))

    def close(self) -> None:
        """Free the graph."""
        if self.handle:
            call("cuGraphExecDestroy", self.handle)
            call("cuGraphDestroy", self._graph)
            self.handle = ctypes.c_void_p()
