"""The cloud networks of the extra `clouds`, hidden from tests of made ground: they know real clouds only."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

HIDING = str(Path(__file__).parent / "without_clouds")


def hide() -> None:
    """Hide the package from this process and from those that it starts."""
    for name in [name for name in sys.modules if name.split(".")[0] == "ukis_csmask"]:
        del sys.modules[name]
    sys.path.insert(0, HIDING)
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = HIDING + (os.pathsep + others if others else "")


def show() -> None:
    """Undo `hide`."""
    sys.path.remove(HIDING)
    others = os.environ["PYTHONPATH"].split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in others if path != HIDING)


def installed() -> bool:
    """Whether the package is there, once it is shown."""
    found = find_spec("ukis_csmask")
    return found is not None and bool(found.submodule_search_locations)
