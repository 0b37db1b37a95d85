"""Packages that a library imports although geoseg uses none of it: they are imported when they are used.

pyogrio imports pyarrow, geopandas and pandas to read their versions, and rasterio imports boto3, where these
are installed: more than half of the start of a short command. While such a library is imported, modules with
the version alone stand in for these packages; whoever uses one later gets the real package.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
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


class _Loader(Loader):
    """Loads a library while stand-ins take the place of the packages that it does not need."""

    def __init__(self, loader: Loader, packages: Sequence[str]) -> None:
        self._loader = loader
        self._packages = packages

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        there: dict[str, ModuleType] = {}
        for name in self._packages:
            if name not in sys.modules:
                with suppress(ImportError):  # not installed
                    there[name] = _StandIn(name)
        sys.modules.update(there)
        try:
            self._loader.exec_module(module)
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
            spec.loader = _Loader(spec.loader, UNUSED[fullname])
        return spec


def import_when_used() -> None:
    """Postpone the imports of `UNUSED`; call it before the libraries are imported."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
