"""Name the folders of rasters in a folder that is itself no scene."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from geoseg.errors import BandError
from geoseg.scenes.paths import is_local, looks_like_raster
from geoseg.spec.band_names import few_names


@contextmanager
def naming_inner_folders(paths: Sequence[str]) -> Iterator[None]:
    """Add to an error of bands without names which folders in the only path hold rasters.

    Raises:
        BandError: with these folders.
    """
    try:
        yield
    except BandError as error:
        inner = _folders_of_rasters(paths[0]) if len(paths) == 1 else []
        if not inner:
            raise
        raise BandError(
            f"{error}. If the scene is in a folder of {paths[0]}, give that folder: {few_names(inner)}"
        ) from error


def _folders_of_rasters(path: str) -> list[str]:
    """Return the names of the folders in a folder on this machine that hold rasters, in order."""
    if not is_local(path) or not Path(path).is_dir():
        return []
    folders = sorted(item for item in Path(path).iterdir() if item.is_dir() and item.name[0] not in "._")
    return [folder.name for folder in folders if _holds_rasters(folder)]


def _holds_rasters(folder: Path) -> bool:
    try:
        return any(looks_like_raster(item.name, frozenset()) for item in folder.iterdir() if item.is_file())
    except OSError:
        return False
