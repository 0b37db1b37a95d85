"""Registry of methods: one class in each module of a package."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import Any


def names_of(package: ModuleType) -> tuple[str, ...]:
    """Return the names of the methods of a package, sorted, without importing them; `_` becomes `-`."""
    return tuple(sorted(item.name.replace("_", "-") for item in pkgutil.iter_modules(package.__path__)))


def load_methods(package: ModuleType, base: type[object]) -> list[Any]:
    """Return an instance of each method of a package, sorted by name.

    A method is the class of a module that derives from `base`.

    Raises:
        ImportError: a module has no such class, or several, or its `name` is not that of the file.
    """
    methods = []
    for name in names_of(package):
        module = import_module(f"{package.__name__}.{name.replace('-', '_')}")
        classes = [
            item
            for item in vars(module).values()
            if isinstance(item, type) and base in item.__mro__ and item.__module__ == module.__name__
        ]
        if len(classes) != 1 or getattr(classes[0], "name", "") != name:
            defined = ", ".join(item.__name__ for item in classes) or "none"
            raise ImportError(
                f"{module.__name__} must define one subclass of {base.__name__} whose name is {name!r}; "
                f"it defines {defined}"
            )
        methods.append(classes[0]())
    return methods
