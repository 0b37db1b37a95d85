"""What a raster file tells of its product: names, descriptions, tags, colours, units."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import PurePath

import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from geoseg.errors import BandError, SceneReadError
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.raster import base_name

_FOLDERS = 4
"""Folders above a file whose names may tell its product."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What a file tells; all of it may be missing."""

    name: str
    """Of the file."""
    sources: tuple[str, ...]
    """Names of the files that a VRT is made of."""
    folders: tuple[str, ...]
    """Names of the folders that hold it, the nearest first."""
    descriptions: tuple[str, ...]
    """Of the bands, without alpha; empty text where a band has none."""
    tags: str
    """Of the file and its first band: lines `KEY=value`."""
    colours: dict[int, str]
    """Colour table of the first band: `#rrggbb` by value."""
    units: tuple[str, ...]
    """Of the bands."""

    def which_band(self, does: str) -> BandError:
        """Return the error of several bands none of which is described as the one that is meant."""
        named = ", ".join(text for text in self.descriptions if text) or "without descriptions"
        return BandError(
            f"{self.name} has {len(self.descriptions)} bands ({named}), and which of them {does} is not "
            "known; cut it out with gdal_translate -b N"
        )


def labels_of(path: str) -> Labels:
    """Open a raster and return what it tells.

    Raises:
        SceneReadError: it cannot be opened.
    """
    try:
        with _quietly_open(path) as file:
            alpha = [item == ColorInterp.alpha for item in file.colorinterp]
            bands = [index for index in range(1, file.count + 1) if file.count == 1 or not alpha[index - 1]]
            tags = {**file.tags(), **(file.tags(bands[0]) if bands else {})}
            own = base_name(path)
            return Labels(
                name=own,
                sources=tuple(base_name(item) for item in file.files if base_name(item) != own),
                folders=tuple(PurePath(path).parts[-2 : -2 - _FOLDERS : -1]),
                descriptions=tuple(file.descriptions[index - 1] or "" for index in bands),
                tags="\n".join(f"{key}={value}" for key, value in tags.items()),
                colours=_colours(file, bands[0]) if bands else {},
                units=tuple(_unit(file, index) for index in bands),
            )
    except rasterio.errors.RasterioError as error:
        raise SceneReadError(f"{path} cannot be read: {error}") from error


def _colours(file: rasterio.DatasetReader, band: int) -> dict[int, str]:
    """Return a band's colour table; empty where it has none."""
    try:
        table = file.colormap(band)
    except ValueError:
        return {}
    return {value: "#{:02x}{:02x}{:02x}".format(*colour[:3]) for value, colour in table.items()}


def _unit(file: rasterio.DatasetReader, band: int) -> str:
    """Return a band's unit as the format or a tag tells it."""
    tags = {key.lower(): text for key, text in file.tags(band).items()}
    return (file.units[band - 1] or tags.get("units") or tags.get("unit") or "").strip()


def _quietly_open(path: str) -> rasterio.DatasetReader:
    """Open a raster; that it lies nowhere is judged later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(gdal_path(path))
