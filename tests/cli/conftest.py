"""The command line, run within the test's own process: fast, and with everything that `main` does."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator

import pytest
from geoseg.cli import main
from geoseg.cli.startup import ENDING


@pytest.fixture
def geoseg(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[str, str]]]:
    """Run `geoseg ARGUMENTS`; returns stdout and stderr. The exit code is checked, 0 unless `code` says."""
    before = {number: signal.getsignal(number) for number in ENDING}

    def run(*arguments: object, code: int = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["geoseg", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        assert caught.value.code == code, f"exit {caught.value.code}\n{out}\n{err}"
        return out, err

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)
