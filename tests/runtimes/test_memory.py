"""Memory of the process, and the promise of --max-memory."""

from __future__ import annotations

import sys

import pytest

from geoseg.errors import UsageError
from geoseg.files.process_memory import resident_mib
from geoseg.runtimes import memory
from geoseg.runtimes.memory import begin_run, check_peak, hold

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured on Linux")


def test_the_least_is_named_and_is_enough() -> None:
    begin_run()
    hold(None, 10**6, "scene")
    least = resident_mib() + 100
    hold(least, 100, "scene")
    hold(round(least / 1.09), 100, "scene")
    present = resident_mib()
    for limit, words in ((present, "is less than this run needs"), (16, "holds .* MiB already")):
        with pytest.raises(UsageError, match=f"scene: `--max-memory {limit}MiB` .*{words}") as caught:
            hold(limit, 300, "scene")
        named = int(str(caught.value).partition("give `--max-memory ")[2].partition("MiB")[0])
        hold(named, 300, "scene")


def test_what_a_run_took_counts_and_what_was_before_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    begin_run()
    check_peak(1, "scene")
    monkeypatch.setattr(memory, "peak_mib", lambda: 10**6)
    check_peak(10**6 - 10, "scene")
    with pytest.raises(UsageError, match="give `--max-memory 1000000MiB`"):
        check_peak(1000, "scene")
    with pytest.raises(UsageError, match="give `--max-memory 1000000MiB`"):
        hold(5000, 1, "scene")
    begin_run()
    check_peak(1000, "scene")


def test_where_memory_is_not_known_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert resident_mib() == 0
    hold(64, 1000, "scene")
    check_peak(1, "scene")


def test_work_that_is_repeated_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_HELD", {})
    monkeypatch.setattr(memory, "peak_mib", lambda: 0)
    monkeypatch.setattr(memory, "resident_mib", lambda: 200)
    hold(300, 100, "before", work="clouds")
    monkeypatch.setattr(memory, "resident_mib", lambda: 290)  # the libraries of the first time
    hold(300, 100, "after", work="clouds")
    with pytest.raises(UsageError, match="give"):
        hold(300, 100, "after", work="network")
    with pytest.raises(UsageError, match="give"):
        hold(200, 100, "after", work="clouds")
