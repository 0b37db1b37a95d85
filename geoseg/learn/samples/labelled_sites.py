"""Labelled sites with images of several sensors, in the layout of METER-ML.

A table lists the sites, one in each row, with id, part of the split and classes. Patterns give the path of
each sensor's image of a site.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pyproj import Transformer

from geoseg.errors import SceneError, SceneReadError
from geoseg.grid import Grid, Window
from geoseg.learn.samples.sample_files import table_rows
from geoseg.learn.samples.splits import Role
from geoseg.pixels import Pixels
from geoseg.scenes import open_scene
from geoseg.scenes.dark_object_scene import as_trained
from geoseg.scenes.footprints import centred, metric_grid
from geoseg.spec import Atmosphere, ClassSpec, SceneSpec, Spec, Units
from geoseg.spec.presets import sensors

ROLES: Mapping[str, Role] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
}  # fmt: skip
"""Parts of a split, by the names that tables use."""

TRUE, FALSE = {"1", "1.0", "true", "yes"}, {"", "0", "0.0", "false", "no"}


class SitesSpec(Spec):
    """The table of sites and the names of its columns."""

    root: Path = Path()
    """Folder to which patterns and the table are relative; itself relative to the working directory."""
    table: Path
    """CSV, GeoJSON, GeoPackage or another vector file with one row for each site."""
    id: str = "id"
    """Column with the name of the site."""
    split: str = "split"
    """Column with the part of the split: train, validation (or val), test."""
    labels: str = "labels"
    """Column with the class names of a site; without this column, each class has a column of 0 and 1."""
    separator: str = ";"
    """Text between class names in `labels`."""
    negative: tuple[str, ...] = ("negative",)
    """Values of `labels` for a site without any class; an empty value means the same."""
    lon: str = "lon"
    """Column with the longitude in degrees; required where several sites share a raster."""
    lat: str = "lat"
    """Column with the latitude in degrees."""


class SiteClass(ClassSpec):
    """A class of sites."""

    names: tuple[str, ...] = ()
    """Other names of the class in the table, besides its label."""

    @property
    def all_names(self) -> set[str]:
        """The label and the other names, as returned by `plain`."""
        return {plain(name) for name in (self.label, *self.names)}


class SiteImage(Spec):
    """The images of one sensor."""

    name: str
    """Name of the classifier's input."""
    files: str
    """Path relative to the root, with `{id}`, `{split}` or another column of the table in braces."""
    shared: bool = False
    """Whether one raster covers several sites; footprints are then read around longitude and latitude."""
    file_bands: dict[str, int] = {}
    """Band index in the file, from 1, by name; empty: from the file's band names or the sensor's band
    order."""
    sensor: str | None = None
    """Sensor name, as for `--sensor`."""
    units: Units
    resolution: Annotated[float, Field(gt=0)]
    """Pixel size in m to which images are resampled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A labelled site with its images."""

    id: str
    role: Role
    classes: tuple[bool, ...]
    """(K,) presence of each class, in the order of the config."""
    files: tuple[Path | None, ...]
    """Image of each sensor; None where there is no image."""
    lonlat: tuple[float, float] | None = None
    """Longitude and latitude in degrees of the footprint's centre; required for shared rasters."""


def plain(name: str) -> str:
    """Return a name in lower case with one space between words."""
    return re.sub(r"[^0-9a-z]+", " ", name.lower()).strip()


def find_sites(
    data: SitesSpec, images: Sequence[SiteImage], classes: Sequence[SiteClass]
) -> tuple[Site, ...]:
    """Read the table and find the images of every site.

    Raises:
        SceneReadError: the table cannot be read.
        SceneError: a column or class is unknown, a site is duplicate or without image, or a sensor has no
            images.
    """
    path = data.root / data.table
    if not path.is_file():
        raise SceneReadError(
            f"{path}: the table of sites does not exist; check data.root, or set it with `--data FOLDER`"
        )
    found: dict[str, Site] = {}
    for number, row in enumerate(table_rows(path), start=1):
        site = _site(row, f"{path}, row {number}", data, images, classes)
        if site.id in found:
            raise SceneError(f"{path}, row {number}: site {site.id!r} is listed twice")
        found[site.id] = site
    if not found:
        raise SceneError(f"{path}: the table has no rows")
    sites = tuple(found.values())
    for index, image in enumerate(images):
        if not any(site.files[index] for site in sites):
            raise SceneError(
                f"{data.root / image.files}: no site has an image of {image.name}; check data.root and the "
                "pattern, set `--data FOLDER`, or remove the sensor from the config"
            )
    return sites


def _site(
    row: Mapping[str, str],
    where: str,
    data: SitesSpec,
    images: Sequence[SiteImage],
    classes: Sequence[SiteClass],
) -> Site:
    """Return the site of a row."""
    for column in (data.id, data.split):
        if column not in row:
            raise SceneError(f"{where}: the column {column!r} is missing; the table has {', '.join(row)}")
    role = ROLES.get(row[data.split].strip().lower())
    if role is None:
        raise SceneError(f"{where}: {data.split} is {row[data.split]!r}, not one of {', '.join(ROLES)}")
    lonlat = _lonlat(row, data)
    files = tuple(_file(row, where, data, image, lonlat is not None) for image in images)
    if not any(files):
        raise SceneError(
            f"{where}: site {row[data.id]!r} has no image; expected {data.root / images[0].files} or an "
            f"image of another sensor"
        )
    return Site(
        id=row[data.id], role=role, classes=_labels(row, where, data, classes), files=files, lonlat=lonlat
    )


def _lonlat(row: Mapping[str, str], data: SitesSpec) -> tuple[float, float] | None:
    try:
        return float(row[data.lon]), float(row[data.lat])
    except (KeyError, ValueError):
        return None


def _file(
    row: Mapping[str, str], where: str, data: SitesSpec, image: SiteImage, has_position: bool
) -> Path | None:
    """Return the image of a site, or None where the file does not exist."""
    try:
        name = image.files.format_map({**row, "id": row[data.id], "split": row[data.split]})
    except (KeyError, ValueError, IndexError) as error:
        raise SceneError(
            f"{where}: the pattern {image.files!r} of {image.name} has a column that the table lacks "
            f"({error})"
        ) from error
    if image.shared and not has_position:
        raise SceneError(
            f"{where}: {data.lon} or {data.lat} is missing; sites that share {image.files} need both"
        )
    path = data.root / name
    return path if path.exists() else None


def _labels(
    row: Mapping[str, str], where: str, data: SitesSpec, classes: Sequence[SiteClass]
) -> tuple[bool, ...]:
    """Read the classes of a site from one column of names or from one column for each class."""
    if data.labels in row:
        names = {plain(name) for name in row[data.labels].split(data.separator)} - {""}
        unknown = sorted(
            names - {plain(name) for name in data.negative} - set().union(*(c.all_names for c in classes))
        )
        if unknown:
            raise SceneError(
                f"{where}: {data.labels} has the unknown class {unknown[0]!r}; add it to the names of a "
                "class or to data.negative"
            )
        return tuple(bool(names & entry.all_names) for entry in classes)
    columns = {plain(column): column for column in row}
    return tuple(_flag(row, where, data, columns, entry) for entry in classes)


def _flag(
    row: Mapping[str, str], where: str, data: SitesSpec, columns: Mapping[str, str], entry: SiteClass
) -> bool:
    """Read a column of 0 and 1."""
    column = next((columns[name] for name in sorted(entry.all_names) if name in columns), None)
    if column is None:
        raise SceneError(
            f"{where}: the table has neither a column {data.labels!r} nor a column {entry.label!r}"
        )
    text = row[column].strip().lower()
    if text not in TRUE | FALSE:
        raise SceneError(f"{where}: column {column!r} is {row[column]!r}, not 0 or 1")
    return text in TRUE


def read_site(
    path: Path,
    image: SiteImage,
    bands: Sequence[str],
    side: int,
    site: Site,
    atmosphere: Atmosphere | None = None,
) -> Pixels:
    """Read the footprint of a site at the pixel size of the sensor.

    The footprint is the centre of the site's image or, in a shared raster, the square around the longitude
    and latitude of the site.

    Args:
        path: the image file.
        image: the options that open it.
        bands: names, in order.
        side: side of the footprint in pixels.
        site: the site.
        atmosphere: the kind of reflectance to return; see `scenes.dark_object_scene.as_trained`.

    Raises:
        SceneReadError: the file cannot be read.
        BandError: a band is missing.
        SceneError: the pixel size in metres is unknown, or the units differ from the config.
    """
    request = SceneSpec(
        paths=(str(path),),
        bands={name: f"{path}:{index}" for name, index in image.file_bands.items()},
        sensor=image.sensor,
    )
    with open_scene(request, sensors()) as opened:
        scene = as_trained(opened, atmosphere).select(tuple(bands))
        wrong = [name for name in bands if scene.units(name) != image.units]
        if wrong:
            raise SceneError(
                f"{path}: band {wrong[0]} is in {scene.units(wrong[0])}, but the config has units: "
                f"{image.units}; set the sensor, or correct the units"
            )
        if scene.grid.crs is None:
            if (scene.grid.height, scene.grid.width) != (side, side):
                raise SceneError(
                    f"{path}: an image without CRS must have the {side} x {side} pixels of a {image.name} "
                    f"footprint, not {scene.grid.height} x {scene.grid.width}"
                )
            return scene.read(scene.grid.window, bands)
        grid = metric_grid(scene.grid, image.resolution, scene.name)
        centre = site.lonlat if image.shared else None
        window = centred(grid, side) if centre is None else _around(grid, centre, side)
        return (scene if grid is scene.grid else scene.onto(grid)).read(window, bands)


def _around(grid: Grid, lonlat: tuple[float, float], side: int) -> Window:
    """Return the square window around a longitude and latitude."""
    x, y = Transformer.from_crs(4326, grid.crs, always_xy=True).transform(*lonlat)
    t = ~grid.transform
    col, row = t.a * x + t.b * y + t.c, t.d * x + t.e * y + t.f
    return Window(row=round(row - side / 2), col=round(col - side / 2), height=side, width=side)


def site_classes(sites: Sequence[Site]) -> NDArray[np.bool_]:
    """Return the (N, K) presence of each class at each site."""
    return np.array([site.classes for site in sites], np.bool_).reshape(len(sites), -1)


def by_role(sites: Sequence[Site], role: str) -> tuple[Site, ...]:
    """Return the sites of a part of the split, or all sites where the role is `all`."""
    return tuple(site for site in sites if role in {"all", site.role})
