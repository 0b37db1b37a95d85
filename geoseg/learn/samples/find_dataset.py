"""Find the class of a Python data set by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from geoseg.errors import RuntimeMissingError, UsageError
from geoseg.files.doors import opening
from geoseg.learn.samples.so2sat import So2Sat

SO2SAT, METER_ML = "so2sat", "meter-ml"
TORCHGEO = "torchgeo.datasets"

Make = Callable[[Mapping[str, object]], Any]
"""Makes a data set from the arguments of its class."""


def find_dataset(name: str) -> Make:
    """Return a function that makes a data set.

    Args:
        name: `so2sat`, a class of `torchgeo.datasets`, or MODULE.CLASS.

    Raises:
        RuntimeMissingError: TorchGeo or another module is not installed.
        UsageError: the module has no such class.
    """
    module, _, short = name.rpartition(".")
    if name == SO2SAT:
        return lambda arguments: _made(name, So2Sat, arguments)
    try:
        there = import_module(module or TORCHGEO)
    except ImportError as error:
        if own := _own(name):
            raise UsageError(f"there is no data set {name!r}; did you mean {own}?") from error
        known = (
            f"; run pip install 'geoseg[torchgeo]' ({error})" if module in {"", TORCHGEO} else f" ({error})"
        )
        raise RuntimeMissingError(f"{name} requires the module {module or TORCHGEO}{known}") from error
    kind = getattr(there, short, None)
    if kind is None:
        near = _own(name) or next(iter(get_close_matches(short, dir(there), n=1, cutoff=0.5)), "")
        hint = f"; did you mean {near}?" if near else ""
        raise UsageError(f"{there.__name__} has no data set {short!r}{hint}")
    return lambda arguments: _made(name, kind, arguments)


def _own(name: str) -> str:
    """Return the data set of geoseg's own that a name resembles; empty: none."""
    return next(iter(get_close_matches(name.lower(), (SO2SAT, METER_ML), n=1, cutoff=0.8)), "")


def _made(name: str, kind: Callable[..., Any], arguments: Mapping[str, object]) -> Any:
    """Make a data set.

    Raises:
        UsageError: the class does not take the arguments.
        SceneReadError: its files are missing.
    """
    answered = (TypeError, ValueError, AssertionError)
    try:
        with opening(name, "set its folder with `--argument root=FOLDER`", passing=answered):
            return kind(**arguments)
    except UsageError:
        raise
    except answered as error:
        raise UsageError(
            f"{name}: {error or 'the arguments do not fit'}; give them with `--argument`"
        ) from error
