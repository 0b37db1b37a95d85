"""Packages that a library imports although geoseg uses none of it: they are imported when they are used.

pyogrio imports pyarrow, geopandas and pandas to read their versions, and rasterio imports boto3, where these
are installed: more than half of the start of a short command. While such a library is imported, modules with
the version alone stand in for these packages; whoever uses one later gets the real package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import MappingProxyType, ModuleType
from typing import Any

UNUSED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"pyogrio": ("pyarrow", "geopandas", "pandas"), "rasterio": ("boto3",)}
)
"""Packages by the library that imports them."""


class _StandIn(ModuleType):
    """A package of which only the version is known; any other attribute imports the package."""

    def __init__(self, name: str) -> None:
        """Stand in for an installed package.

        Raises:
            ImportError: it is not installed.
        """
        if PathFinder.find_spec(name) is None:
            raise ImportError(name)
        super().__init__(name)

    def __getattr__(self, attribute: str) -> Any:
        if attribute == "__version__":
            from importlib.metadata import version

            return version(self.__name__)
        if attribute.startswith("__"):  # the import system asks for these
            raise AttributeError(attribute)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), attribute)


def _load(execute: Callable[[ModuleType], None], packages: Sequence[str], module: ModuleType) -> None:
    """Execute a library while stand-ins take the place of the packages that it does not need."""
    there: dict[str, ModuleType] = {}
    for name in packages:
        if name not in sys.modules:
            with suppress(ImportError):  # not installed
                there[name] = _StandIn(name)
    sys.modules.update(there)
    try:
        execute(module)
    finally:
        for name, stand_in in there.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


class _Finder(MetaPathFinder):
    """Finds the libraries of `UNUSED`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in UNUSED:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            execute = partial(_load, spec.loader.exec_module, UNUSED[fullname])
            vars(spec.loader)["exec_module"] = execute
        return spec


def import_when_used() -> None:
    """Postpone the imports of `UNUSED`; call it before the libraries are imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
