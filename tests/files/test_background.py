"""One job at a time on another thread."""

from __future__ import annotations

import threading

import pytest

from geoseg.files.background import Background


def test_jobs_run_in_order_on_one_other_thread() -> None:
    done: list[tuple[int, int]] = []
    with Background("jobs") as background:
        for number in range(5):
            background.begin(lambda number: done.append((number, threading.get_ident())), number)
        background.wait()
    assert [number for number, _ in done] == list(range(5))
    assert len({thread for _, thread in done} - {threading.get_ident()}) == 1


def test_the_error_of_a_job_is_raised_before_the_next() -> None:
    done: list[int] = []
    with Background("jobs") as background:
        background.begin([].pop)
        with pytest.raises(IndexError):
            background.begin(done.append, 1)
        background.wait()
    assert not done


def test_the_end_of_the_block_waits_and_raises_nothing() -> None:
    begun, done = threading.Event(), []
    with Background("jobs") as background:

        def job() -> None:
            begun.wait()
            done.append(1)
            raise ValueError

        background.begin(job)
        begun.set()
    assert done == [1]
