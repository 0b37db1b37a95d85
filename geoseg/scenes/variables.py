"""Variables of netCDF, HDF5 and Zarr files as bands of one scene."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from geoseg.errors import SceneError
from geoseg.scenes.array_raster import WAVELENGTHS, Dimension, dimensions, open_array_raster, series
from geoseg.scenes.contents import Contents
from geoseg.scenes.cube_time import SINCE, since
from geoseg.scenes.product import Asset, LeftOut, Product, iso_time
from geoseg.scenes.quality_files import kinds_by_label
from geoseg.scenes.raster import Raster
from geoseg.scenes.subdatasets import spelled
from geoseg.spec.presets import quality_layers

_AUXILIARY = re.compile(
    r"(?:^|[/_.-])(?:uncert(?:ainty)?|std(?:dev)?|stdev|err(?:or)?|counts?|nobs|masks?|flags?|quality|qa|qc"
    r"|clouds?|conf(?:idence)?|prob(?:ability)?|angles?|zenith|azimuth|[sv][az]a|lat|lon|latitude|longitude"
    r"|weights?|conditions|detfoo|spatial_ref|crs)(?:$|[/_.-])",
    re.IGNORECASE,
)
"""Words in the names of variables that describe other variables and are not bands."""

_COORDINATES = re.compile(
    r"(?:^|/)(?:lat|lon|latitude|longitude|spatial_ref|crs|x|y|time|angle)$", re.IGNORECASE
)

_WAVES = re.compile(r"^(?:wave_?len(?:gth)?s?|wvl|wl|lambda|spectral)$", re.IGNORECASE)
_NANOMETRES, _MICROMETRES = (
    re.compile(r"^(?:nm|nano)", re.IGNORECASE),
    re.compile(r"^(?:[uµμ]m|micro)", re.IGNORECASE),
)
_WIDTHS = ("fwhm", "fwhms", "bandwidth")
_ONE = "write one of them to a file of its own"


_Variable = tuple[Asset, datetime | None]
"""One array with rows and columns, and its time."""


def variables_product(path: str, contents: Contents, name: str) -> Product:
    """Return the product of a file whose variables are bands.

    Args:
        path: for messages.
        contents: of the file.
        name: of the scene.

    Raises:
        SceneError: the file holds no array of rows and columns.
    """
    parts = dict(sorted(contents.parts.items())) or _alone(path)
    # Quality layers are recognised by their names, in any group.
    kinds = quality_layers()
    aside = [
        variable
        for variable in parts
        if _AUXILIARY.search(variable) and not kinds_by_label([variable.rsplit("/", 1)[-1]], kinds)
    ]
    looked = [_look(variable, part) for variable, part in parts.items() if variable not in aside]
    variables = [variable for variable in looked if variable is not None]
    if not variables:
        listed = ", ".join(list(parts.values())[:8])
        raise SceneError(f"{path} holds no bands but {listed}; give one of these as SCENE if it is a band")
    times = {time for _, time in variables} - {None}
    begun = next((text for key, text in contents.tags.items() if key.endswith("time_coverage_start")), "")
    aside = [variable for variable in aside if not _COORDINATES.search(variable)]
    return Product(
        name=name,
        assets=tuple(replace(asset, optional=True) for asset, _ in variables),
        time=times.pop() if len(times) == 1 else iso_time(begun),
        left_out=tuple(LeftOut(name=variable, why="auxiliary variable") for variable in aside),
        hints=(name,),
    )


def variable_product(path: str, variable: str, name: str) -> Product:
    """Return the product of one variable that the user named by its GDAL name.

    Raises:
        SceneReadError: the variable is missing or damaged.
        SceneError: it holds complex values.
    """
    asset, time = _variable(variable, path)
    return Product(name=name, assets=(asset,), time=time, hints=(name,))


def _alone(path: str) -> dict[str, str]:
    """Return the only array of a file by its name; the name is empty where GDAL does not report it."""
    with open_array_raster(path) as raster:
        name = Raster.tags(raster, 1).get("netcdf_varname", "")
    return {name: spelled("netcdf", path, name)} if name else {"": path}


def _look(variable: str, part: str) -> _Variable | None:
    """Return a variable that may hold bands; None for lists and for arrays that GDAL does not open."""
    try:
        with open_array_raster(part) as raster:
            flat = min(raster.grid.height, raster.grid.width) < 2
        return None if flat else _variable(variable, part)
    except SceneError:
        return None


def _variable(variable: str, part: str) -> _Variable:
    """Return an array with names, wavelengths and time of its bands."""
    with open_array_raster(part) as raster:
        tags, count = {**raster.tags(), **raster.tags(1)}, raster.count
        along = dimensions(raster)
    label = variable.rsplit("/", 1)[-1]
    several = [item for item in along if len(set(item.values)) > 1]
    asset = _bands(part, label, _band_texts(tags, label), several, count)
    if count > 1 and not (asset.labels or asset.wavelengths or asset.unnamed):
        asset = _by_lists(part, tags, count)
    return asset, next((time for item in along if (time := _time(item))), None)


def _band_texts(tags: Mapping[str, str], label: str) -> str:
    """Return the attribute of a variable that names its bands; rioxarray writes a `long_name` for each."""
    keys = ("long_name", "band_names", "bands", "names", "description")
    found = (tags.get(key) or tags.get(f"{label.lower()}#{key}") for key in keys)
    return next((text for text in found if text), "")


def _by_lists(part: str, tags: Mapping[str, str], count: int) -> Asset:
    """Return an array whose bands are numbered, with the wavelengths of a list in its group."""
    for name in WAVELENGTHS:
        units = tags.get(f"{name}#units", "")
        waves = _lengths(series(part, name), units)
        if len(waves) == count:
            known = (_lengths(series(part, width), units) for width in _WIDTHS)
            widths = next((widths for widths in known if len(widths) == count), ())
            return Asset(path=part, wavelengths=tuple(waves), widths=tuple(widths))
    return Asset(path=part)


def _bands(part: str, label: str, texts: str, along: Sequence[Dimension], count: int) -> Asset:
    """Return an array with names or wavelengths of its bands.

    Args:
        part: as GDAL opens it.
        label: name of the array.
        texts: attribute that names the bands, or describes a single band.
        along: dimensions of more than one value, other than rows and columns.
        count: of bands.
    """
    if count == 1:
        return Asset(path=part, labels=(tuple(filter(None, (label, texts))),))
    if len(along) > 1:
        sizes = " and ".join(f"{len(set(item.values))} of {item.name}" for item in along)
        return Asset(path=part, unnamed=f"it holds {sizes}, and a scene has one; {_ONE}")
    dimension = along[0] if along else Dimension(name="", values=())
    if SINCE.match(dimension.units):
        return Asset(
            path=part,
            unnamed=f"it holds {count} times, and a scene has one; {_ONE}, or name it with "
            f"`--band NAME={part}:INDEX`",
        )
    waves = _micrometres(dimension)
    if len(waves) == count:
        known = (_lengths(series(part, name), dimension.units) for name in _WIDTHS)
        widths = next((widths for widths in known if len(widths) == count), ())
        return Asset(path=part, wavelengths=tuple(waves), widths=tuple(widths))
    names = [text.strip() for text in texts.strip("{} ").split(",")]
    if len(names) != count:
        names = [value for value in dimension.values if not _is_number(value)]
    return Asset(path=part, labels=tuple((name,) for name in names) if len(names) == count else ())


def _micrometres(dimension: Dimension) -> Sequence[float]:
    """Return the values of a dimension of wavelengths in µm; empty for other dimensions."""
    units = dimension.units.strip()
    if not (_WAVES.match(dimension.name) or _NANOMETRES.match(units) or _MICROMETRES.match(units)):
        return ()
    if not all(map(_is_number, dimension.values)):
        return ()
    return _lengths([float(value) for value in dimension.values], units)


def _lengths(values: Sequence[float], units: str) -> Sequence[float]:
    """Return lengths in µm; without units, values above 100 are nm; empty if a value is not positive."""
    if not values or min(values) <= 0:
        return ()
    if _MICROMETRES.match(units):
        return list(values)
    return (
        [value / 1000 for value in values] if _NANOMETRES.match(units) or max(values) > 100 else list(values)
    )


def _time(dimension: Dimension) -> datetime | None:
    """Return the time of a dimension with one time; None for other dimensions and for several times."""
    if not SINCE.match(dimension.units) or len(set(dimension.values)) != 1:
        return None
    try:
        step, start = since(dimension.units, dimension.name)
        return start + float(dimension.values[0]) * step
    except (SceneError, ValueError, OverflowError):
        return None


def _is_number(text: str) -> bool:
    """Return whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
