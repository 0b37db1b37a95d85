"""Fits of small matrices use one thread, as in the program."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def one_thread_only() -> Iterator[None]:
    """The linear algebra of numpy uses one thread, so that a busy machine does not slow down the fits."""
    from geoseg.learn.fit.heads import one_thread  # noqa: PLC0415 - of the extra `fit`

    with one_thread():
        yield
