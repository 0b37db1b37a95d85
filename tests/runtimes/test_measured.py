"""Times of a network are measured once, kept whole, and shared by processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from geoseg.runtimes import measured
from geoseg.runtimes.machine import processor
from geoseg.runtimes.measured import Measured, MeasuredKey, Timing, all_kept, kept_or_measured

KEY = MeasuredKey(
    model="a network / 1",
    sha256="a" * 64,
    processor=processor(),
    versions={"openvino": "1", "onnxruntime": "2"},
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEOSEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Clock:
    """Measures, and counts how often."""

    def __init__(self, seconds: float = 0.2) -> None:
        self.calls = 0
        self._seconds = seconds

    def __call__(self) -> Measured:
        self.calls += 1
        timing = Timing(
            runtime="openvino", precision="fp32", seconds=self._seconds, cpu_seconds=2 * self._seconds
        )
        return Measured(
            model=KEY.model,
            sha256=KEY.sha256,
            processor=KEY.processor,
            versions=dict(KEY.versions),
            tile=512,
            threads=2,
            timings=(timing,),
            created="2026-11-30T00:00:00+00:00",
        )


def never() -> None:
    raise AssertionError("waits")


def test_times_are_measured_once() -> None:
    clock = Clock()
    first, kept = kept_or_measured(KEY, clock, never)
    again, still = kept_or_measured(KEY, clock, never)
    assert (first, kept, still, clock.calls) == (again, True, True, 1)
    assert list(all_kept()) == [first]
    assert KEY.path.name.startswith("a-network-1-")


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "b" * 64},
        {"processor": "another"},
        {"versions": {"openvino": "2", "onnxruntime": "2"}},
        {"versions": {"onnxruntime": "2"}},
    ],
)
def test_another_network_processor_or_version_is_measured_again(change: dict[str, object]) -> None:
    kept_or_measured(KEY, Clock(), never)
    facts = {name: getattr(KEY, name) for name in ("model", "sha256", "processor", "versions")}
    clock = Clock()
    kept_or_measured(MeasuredKey(**{**facts, **change}), clock, never)
    assert clock.calls == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"DELETE format",
        b'{"format": 0}',
    ],
)
def test_a_damaged_file_is_measured_again(content: bytes) -> None:
    found, _ = kept_or_measured(KEY, Clock(), never)
    if content.startswith(b"DELETE"):
        table = json.loads(KEY.path.read_text("utf-8"))
        content = json.dumps({**table, "format": measured.FORMAT + 1}).encode()
    KEY.path.write_bytes(content)
    assert list(all_kept()) == []
    clock = Clock()
    assert kept_or_measured(KEY, clock, never) == (found, True)
    assert clock.calls == 1
    assert list(all_kept()) == [found]


def test_a_cache_that_cannot_be_written_is_no_error(cache: Path) -> None:
    cache.write_text("a file in place of the folder")
    clock = Clock()
    for calls in (1, 2):
        _, kept = kept_or_measured(KEY, clock, never)
        assert (kept, clock.calls) == (False, calls)
    assert list(all_kept()) == []


def test_nothing_measured_is_not_kept() -> None:
    empty = Clock()().model_copy(update={"timings": ()})
    assert kept_or_measured(KEY, lambda: empty, never) == (empty, False)
    assert list(all_kept()) == []


def test_processes_measure_in_turn_and_choose_alike(cache: Path) -> None:
    """Each would measure another time; all get that of the first."""
    code = (
        "import sys, time; from tests.runtimes.test_measured import KEY, Clock; "
        "from geoseg.runtimes.measured import kept_or_measured\n"
        "class Slow(Clock):\n"
        "    def __call__(self):\n"
        "        time.sleep(0.5); return super().__call__()\n"
        "clock = Slow(float(sys.argv[1]))\n"
        "found, _ = kept_or_measured(KEY, clock, lambda: None)\n"
        "print(found.timings[0].seconds, clock.calls)"
    )
    root = Path(__file__).parents[2]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(seconds)], stdout=subprocess.PIPE, text=True, cwd=root
        )
        for seconds in (0.1, 0.2, 0.3)
    ]
    printed = [process.communicate()[0].split() for process in started]
    assert len({seconds for seconds, _ in printed}) == 1
    assert sum(int(calls) for _, calls in printed) == 1
    assert not list(cache.rglob("*.partial"))
