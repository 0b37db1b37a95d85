"""Sites that several sensors imaged, each with the classes that stand there: the layout of METER-ML.

A table says which sites there are: a row a site with its id, its part of the split and its classes. Patterns
say where each sensor's image of a site lies.
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
from geoseg.learn.samples.finding import table_rows
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
"""Parts of a split by the names that tables have for them."""

TRUE, FALSE = {"1", "1.0", "true", "yes"}, {"", "0", "0.0", "false", "no"}


class SitesSpec(Spec):
    """Where the table of sites lies and what its columns are called."""

    root: Path = Path()
    """Folder that patterns and the table start from; relative to where geoseg runs."""
    table: Path
    """CSV, GeoJSON, GeoPackage or any vector file: a row a site."""
    id: str = "id"
    """Column that names a site."""
    split: str = "split"
    """Column of the part: train, validation (or val), test."""
    labels: str = "labels"
    """Column with the names of a site's classes; where there is none, each class has a column of 0 and 1."""
    separator: str = ";"
    """Between names in `labels`."""
    negative: tuple[str, ...] = ("negative",)
    """What stands in `labels` of a site that has none of the classes; so does nothing at all."""
    lon: str = "lon"
    """Column of longitude, where there is one; it places sites on rasters that many sites share."""
    lat: str = "lat"


class SiteClass(ClassSpec):
    """One class of sites."""

    names: tuple[str, ...] = ()
    """What the table calls it, besides its label."""

    @property
    def known(self) -> set[str]:
        """Names that mean it, as `plain` writes them."""
        return {plain(name) for name in (self.label, *self.names)}


class SiteImage(Spec):
    """The images of one sensor, and how a footprint of them is read."""

    name: str
    """Of the classifier's input."""
    files: str
    """Pattern below the root: `{id}`, `{split}` or any other column of the table."""
    shared: bool = False
    """Whether rasters hold many sites: footprints are then read around their longitude and latitude."""
    file_bands: dict[str, int] = {}
    """Name to 1-based index in the file; empty: by the file's own names or its sensor's usual order."""
    sensor: str | None = None
    """As in `--sensor`."""
    units: Units
    resolution: Annotated[float, Field(gt=0)]
    """Pixel size in m; images are brought to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place on the ground, its images and classes."""

    id: str
    role: Role
    classes: tuple[bool, ...]
    """In the order of the classes; all False: none of them."""
    files: tuple[Path | None, ...]
    """One a sensor; None where there is no image."""
    lonlat: tuple[float, float] | None = None
    """Of the footprint's centre, for rasters that sites share."""


def plain(name: str) -> str:
    """Write a name in small letters, anything between words as one space."""
    return re.sub(r"[^0-9a-z]+", " ", name.lower()).strip()


def find_sites(
    data: SitesSpec, images: Sequence[SiteImage], classes: Sequence[SiteClass]
) -> tuple[Site, ...]:
    """Read the table and find every site's images.

    Raises:
        SceneReadError: the table cannot be read.
        SceneError: a column or class is not known, a site comes twice or has no image, or a sensor none.
    """
    path = data.root / data.table
    if not path.is_file():
        raise SceneReadError(f"{path}: there is no table of sites; check data.root, or say --data FOLDER")
    found: dict[str, Site] = {}
    for number, row in enumerate(table_rows(path), start=1):
        site = _site(row, f"{path}, row {number}", data, images, classes)
        if site.id in found:
            raise SceneError(f"{path}, row {number}: site {site.id!r} comes twice")
        found[site.id] = site
    if not found:
        raise SceneError(f"{path}: lists no site")
    sites = tuple(found.values())
    for index, image in enumerate(images):
        if not any(site.files[index] for site in sites):
            raise SceneError(
                f"{data.root / image.files}: no site has an image of {image.name}; check data.root and the "
                "pattern, say --data FOLDER, or leave the sensor out"
            )
    return sites


def _site(
    row: Mapping[str, str],
    where: str,
    data: SitesSpec,
    images: Sequence[SiteImage],
    classes: Sequence[SiteClass],
) -> Site:
    """One row of the table."""
    for column in (data.id, data.split):
        if column not in row:
            raise SceneError(f"{where}: there is no column {column!r}; there are {', '.join(row)}")
    role = ROLES.get(row[data.split].strip().lower())
    if role is None:
        raise SceneError(f"{where}: {data.split} {row[data.split]!r} is none of {', '.join(ROLES)}")
    place = _place(row, data)
    files = tuple(_file(row, where, data, image, place is not None) for image in images)
    if not any(files):
        raise SceneError(
            f"{where}: site {row[data.id]!r} has no image, such as {data.root / images[0].files}"
        )
    return Site(
        id=row[data.id], role=role, classes=_labels(row, where, data, classes), files=files, lonlat=place
    )


def _place(row: Mapping[str, str], data: SitesSpec) -> tuple[float, float] | None:
    try:
        return float(row[data.lon]), float(row[data.lat])
    except (KeyError, ValueError):
        return None


def _file(row: Mapping[str, str], where: str, data: SitesSpec, image: SiteImage, placed: bool) -> Path | None:
    """The image of a site; None where there is none."""
    try:
        name = image.files.format_map({**row, "id": row[data.id], "split": row[data.split]})
    except (KeyError, ValueError, IndexError) as error:
        raise SceneError(
            f"{where}: the pattern {image.files!r} of {image.name} names a column that is not there ({error})"
        ) from error
    if image.shared and not placed:
        raise SceneError(f"{where}: {image.files} holds many sites, so each needs {data.lon} and {data.lat}")
    path = data.root / name
    return path if path.exists() else None


def _labels(
    row: Mapping[str, str], where: str, data: SitesSpec, classes: Sequence[SiteClass]
) -> tuple[bool, ...]:
    """Classes of a site, of one column of names or of a column each."""
    if data.labels in row:
        names = {plain(name) for name in row[data.labels].split(data.separator)} - {""}
        unknown = sorted(
            names - {plain(name) for name in data.negative} - set().union(*(c.known for c in classes))
        )
        if unknown:
            raise SceneError(
                f"{where}: {data.labels} names {unknown[0]!r}, which is no class; list it under a class's "
                "names, or under data.negative"
            )
        return tuple(bool(names & entry.known) for entry in classes)
    columns = {plain(column): column for column in row}
    return tuple(_flag(row, where, data, columns, entry) for entry in classes)


def _flag(
    row: Mapping[str, str], where: str, data: SitesSpec, columns: Mapping[str, str], entry: SiteClass
) -> bool:
    """A column of 0 and 1."""
    column = next((columns[name] for name in sorted(entry.known) if name in columns), None)
    if column is None:
        raise SceneError(f"{where}: there is neither a column {data.labels!r} nor one for {entry.label!r}")
    text = row[column].strip().lower()
    if text not in TRUE | FALSE:
        raise SceneError(f"{where}: column {column!r} holds {row[column]!r}, not 0 or 1")
    return text in TRUE


def read_site(
    path: Path,
    image: SiteImage,
    bands: Sequence[str],
    side: int,
    site: Site,
    atmosphere: Atmosphere | None = None,
) -> Pixels:
    """Read the footprint of a site.

    It is the middle of the site's own image, brought to the sensor's pixel size, or the place around the
    site's longitude and latitude where many share a raster.

    Args:
        path: of the image.
        image: how it is opened.
        bands: names, in order.
        side: pixels a side of the footprint.
        site: whose image it is.
        atmosphere: which reflectance the network is to know; see `scenes.dark_object_scene.as_trained`.

    Raises:
        SceneReadError: the file cannot be read.
        BandError: a band is missing.
        SceneError: its pixels have no size on the ground, or its units are others.
    """
    request = SceneSpec(
        paths=(str(path),),
        bands={name: f"{path}:{index}" for name, index in image.file_bands.items()},
        sensor=image.sensor,
    )
    with open_scene(request, sensors()) as whole:
        scene = as_trained(whole, atmosphere).select(tuple(bands))
        wrong = [name for name in bands if scene.units(name) != image.units]
        if wrong:
            raise SceneError(
                f"{path}: band {wrong[0]} is in {scene.units(wrong[0])}, the config says {image.units}; "
                "name the sensor, or change the units"
            )
        if scene.grid.crs is None:
            if (scene.grid.height, scene.grid.width) != (side, side):
                raise SceneError(
                    f"{path}: has no CRS and {scene.grid.height} x {scene.grid.width} pixels; a footprint of "
                    f"{image.name} has {side} x {side}"
                )
            return scene.read(scene.grid.window, bands)
        grid = metric_grid(scene.grid, image.resolution, scene.name)
        here = site.lonlat if image.shared else None
        window = centred(grid, side) if here is None else _around(grid, here, side)
        return (scene if grid is scene.grid else scene.onto(grid)).read(window, bands)


def _around(grid: Grid, lonlat: tuple[float, float], side: int) -> Window:
    """The footprint around a longitude and latitude."""
    x, y = Transformer.from_crs(4326, grid.crs, always_xy=True).transform(*lonlat)
    back = ~grid.transform
    col, row = back.a * x + back.b * y + back.c, back.d * x + back.e * y + back.f
    return Window(row=round(row - side / 2), col=round(col - side / 2), height=side, width=side)


def truth_of(sites: Sequence[Site]) -> NDArray[np.bool_]:
    """(N, K): what stands at each site."""
    return np.array([site.classes for site in sites], np.bool_).reshape(len(sites), -1)


def by_role(sites: Sequence[Site], role: str) -> tuple[Site, ...]:
    """Return the sites of a part of the split, or `all`."""
    return tuple(site for site in sites if role in {"all", site.role})
