"""How many tiles a call carries: found by trying, evened out over a row, halved where memory runs out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoseg.runtimes.cuda import DeviceMemoryError

torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")

from geoseg.engine.device import device_batch as module  # noqa: E402
from geoseg.engine.device.device_batch import Batch, find_batch  # noqa: E402

CPU = torch.device("cpu")


class Device:
    """Tiles take a second each up to `saturates` of them at once, and memory ends at `holds`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, saturates: int, holds: int = 10**6) -> None:
        self.tried: list[int] = []
        self._saturates, self._holds = saturates, holds
        monkeypatch.setattr(module, "_seconds", self.seconds)

    def seconds(self, _: object, size: int, __: object) -> float:
        self.tried.append(size)
        if size > self._holds:
            raise DeviceMemoryError("full")
        return max(1.0, size / self._saturates)


def find(row: int, allowed: range = range(1, 1025)) -> int:
    return find_batch(lambda count: count, allowed, row, CPU)


@pytest.mark.parametrize(
    ("saturates", "row", "found", "tried"),
    [
        (4, 64, 4, [1, 2, 4, 8]),
        (1000, 25, 25, [1, 2, 4, 8, 16, 25]),
        (16, 25, 13, [1, 2, 4, 8, 16, 25]),
        (8, 25, 7, [1, 2, 4, 8, 16]),
        (1000, 3, 3, [1, 2, 3]),
        (1000, 1, 1, [1]),
        (1000, 4000, 250, [1, 2, 4, 8, 16, 32, 64, 128, 256]),
    ],
)
def test_a_batch_pays_and_fits_a_row(
    saturates: int, row: int, found: int, tried: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device(monkeypatch, saturates)
    assert find(row) == found
    assert device.tried == tried


def test_memory_bounds_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    Device(monkeypatch, 1000, holds=8)
    assert find(64) == 8
    assert find(20) == 7
    Device(monkeypatch, 1000, holds=0)
    with pytest.raises(DeviceMemoryError, match="too little memory for a batch of 1 tiles"):
        find(64)


def test_sizes_that_a_network_takes_bound_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    Device(monkeypatch, 1000)
    assert find(64, range(4, 5)) == 4
    assert find(3, range(4, 5)) == 4, "a fixed batch is filled up"
    assert find(64, range(1, 17)) == 16


@given(row=st.integers(1, 300), saturates=st.integers(1, 300), least=st.integers(1, 4))
def test_no_batch_is_larger_than_needed(row: int, saturates: int, least: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        device = Device(patch, saturates)
        found = find(row, range(least, 1025))
    calls = -(-row // found)
    assert least <= found <= max(least, *device.tried)
    assert found == least or -(-row // (found - 1)) > calls, "one tile less would take one call more"


def test_what_does_not_fit_is_done_in_halves() -> None:
    batch, done = Batch(8), list[tuple[int, int]]()

    def work(first: int, count: int) -> None:
        if count > 2:
            raise DeviceMemoryError("full")
        done.append((first, count))

    batch.run(5, work)
    assert done == [(0, 2), (2, 2), (4, 1)]
    assert batch.size == 2

    def never(first: int, count: int) -> None:
        raise DeviceMemoryError("full")

    with pytest.raises(DeviceMemoryError, match="too little memory for a batch of 1 tiles"):
        batch.run(5, never)
