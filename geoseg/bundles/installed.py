"""Bundles that have a name: those installed with geoseg and those of the user, and names that two share."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path

from geoseg.bundles.mlm import DESCRIPTION
from geoseg.errors import OutputError
from geoseg.messages import warn

LOG = logging.getLogger(__name__)


def user_folder() -> Path:
    """Return the folder of the user's bundles: `$GEOSEG_MODELS`, else by the XDG specification."""
    folder = os.environ.get("GEOSEG_MODELS")
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(folder) if folder else Path(data) / "geoseg" / "models"


def all_bundles() -> Iterator[Path]:
    """Yield the folders of all bundles, those of geoseg first; two may have one name."""
    with as_file(files("geoseg.models").joinpath("zoo")) as zoo:
        for folder in (zoo, user_folder()):
            for bundle in sorted(folder.iterdir()) if folder.is_dir() else ():
                if (bundle / DESCRIPTION).is_file():
                    yield bundle


def check_name(folder: Path, source: Path | None = None) -> None:
    """Check that a bundle written among the user's models does not get the name of one of geoseg.

    Args:
        folder: to write.
        source: folder of the bundle that is copied; that of geoseg itself may be.

    Raises:
        OutputError: the name is one of geoseg's, whose model would be used by that name.
    """
    home, name = user_folder().resolve(), folder.resolve().name
    if folder.resolve().parent != home:
        return
    for bundle in all_bundles():
        own = bundle.resolve().parent != home
        if own and bundle.name == name and (source is None or source.resolve() != bundle.resolve()):
            raise OutputError(
                f"{folder}: geoseg has a model named {name}, which `--model {name}` uses; choose another name"
            )


def warn_of_namesake(name: str, used: Path) -> None:
    """Warn if another model has the name by which one was found.

    A copy of a model with the same weights is no other model.

    Args:
        name: as the user typed it; a path with a separator is no name.
        used: folder of the bundle that is used.
    """
    if Path(name).name != name:
        return
    for other in all_bundles():
        if other.name == name and other.resolve() != used.resolve() and _weights(other) != _weights(used):
            why = "is in the current folder" if not used.is_absolute() else "came with geoseg"
            warn(
                LOG,
                "model-name-shared",
                f"two models are named {name}: {used.resolve()} is used, because it {why}; for the other "
                f"one: `--model {other}`",
            )
            return


def hidden_bundles() -> tuple[Path, ...]:
    """Return the folders of the user's bundles whose name is that of a model of geoseg with other weights."""
    first: dict[str, Path] = {}
    hidden = []
    for bundle in all_bundles():
        used = first.setdefault(bundle.name, bundle)
        if used is not bundle and _weights(used) != _weights(bundle):
            hidden.append(bundle)
    return tuple(hidden)


def _weights(bundle: Path) -> object:
    """Return the SHA-256 that a bundle states for its weights; its path if it states none."""
    try:
        assets = json.loads((bundle / DESCRIPTION).read_text(encoding="utf-8"))["assets"]
        sums = [asset["file:checksum"] for asset in assets.values() if "mlm:model" in asset["roles"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return bundle
    return sums or bundle
