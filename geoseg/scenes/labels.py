"""Metadata of a raster file that identify its product: names, descriptions, tags, colours, units."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import PurePath

import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning

from geoseg.errors import BandError
from geoseg.files.doors import opening
from geoseg.scenes.datasets import open_dataset
from geoseg.scenes.paths import gdal_path
from geoseg.scenes.raster import base_name

_FOLDERS = 4
"""Folders above a file whose names may name its product."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Metadata of a file; all of them may be empty."""

    name: str
    """Name of the file."""
    sources: tuple[str, ...]
    """Names of the source files of a VRT."""
    folders: tuple[str, ...]
    """Names of its folders, the innermost first."""
    descriptions: tuple[str, ...]
    """Descriptions of the bands without alpha; empty text where a band has none."""
    tags: str
    """Tags of the file and its first band: lines `KEY=value`."""
    colours: dict[int, str]
    """Colour table of the first band: `#rrggbb` by value."""
    units: tuple[str, ...]
    """Units of the bands."""

    def which_band(self, does: str) -> BandError:
        """Return the error that no description names the required band."""
        names = ", ".join(text for text in self.descriptions if text) or "without descriptions"
        return BandError(
            f"{self.name} has {len(self.descriptions)} bands ({names}), and it is not known which of them "
            f"{does}; extract the band with `gdal_translate -b N`"
        )


def labels_of(path: str) -> Labels:
    """Open a raster and return its metadata.

    Raises:
        SceneReadError: the raster cannot be opened.
    """
    with opening(path), _quietly_open(path) as file:
        alpha = [item == ColorInterp.alpha for item in file.colorinterp]
        bands = [index for index in range(1, file.count + 1) if file.count == 1 or not alpha[index - 1]]
        tags = {**file.tags(), **(file.tags(bands[0]) if bands else {})}
        file_name = base_name(path)
        return Labels(
            name=file_name,
            sources=tuple(base_name(item) for item in file.files if base_name(item) != file_name),
            folders=tuple(PurePath(path).parts[-2 : -2 - _FOLDERS : -1]),
            descriptions=tuple(file.descriptions[index - 1] or "" for index in bands),
            tags="\n".join(f"{key}={value}" for key, value in tags.items()),
            colours=_colours(file, bands[0]) if bands else {},
            units=tuple(_unit(file, index) for index in bands),
        )


def _colours(file: rasterio.DatasetReader, band: int) -> dict[int, str]:
    """Return the colour table of a band; empty where there is none."""
    try:
        table = file.colormap(band)
    except ValueError:
        return {}
    return {value: "#{:02x}{:02x}{:02x}".format(*colour[:3]) for value, colour in table.items()}


def _unit(file: rasterio.DatasetReader, band: int) -> str:
    """Return the unit of a band from the format or a tag."""
    tags = {key.lower(): text for key, text in file.tags(band).items()}
    return (file.units[band - 1] or tags.get("units") or tags.get("unit") or "").strip()


def _quietly_open(path: str) -> rasterio.DatasetReader:
    """Open a raster without a warning of a missing georeference, which is checked later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return open_dataset(gdal_path(path))
