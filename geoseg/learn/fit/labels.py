"""Read labels: points or polygons with a class, from a vector file or a table of points."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyogrio import raw
from pyproj import CRS

from geoseg.bundles.background import guessed_background
from geoseg.bundles.mlm import MOST_VALUE
from geoseg.errors import SceneError, SceneReadError
from geoseg.files.bounded import check_label
from geoseg.files.doors import opening
from geoseg.files.inputs import opened
from geoseg.files.text_tables import SUFFIXES, read_table
from geoseg.messages import note, warn
from geoseg.scenes.point_tables import points_of
from geoseg.scenes.polygon_files import opened_vector
from geoseg.scenes.vector_files import crs_of, layer_of, reading_vector
from geoseg.spec import ClassSpec
from geoseg.spec.band_names import few_names
from geoseg.spec.palette import model_colour

LOG = logging.getLogger(__name__)

COLUMNS = (
    "class", "class_name", "classname", "label", "reference", "landcover", "land_cover", "category", "klass",
)  # fmt: skip
"""Names of class columns, in order of preference; compared case-insensitively."""

COUNTERS = frozenset({"fid", "id", "ogc_fid", "objectid", "gid", "uid", "uuid", "lon", "lat", "x", "y", "z"})
"""Columns that are never taken for the class unless they are named."""

MOST_CLASSES = 64
"""More classes than this are not classes but numbers or names of single features."""

COLOURS = {
    "water|river|lake|sea|flood": "#1f78b4",
    "tree|forest|wood|mangrove": "#33a02c",
    "grass|crop|field|pasture|meadow": "#b2df8a",
    "built|urban|house|road|roof": "#e31a1c",
    "bare|soil|sand|rock|quarry": "#b15928",
}
"""Colours of classes by words in their names; other classes have those of the palette."""

_POINTS = (shapely.GeometryType.POINT, shapely.GeometryType.MULTIPOINT)
_POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
MISSING = frozenset({"null", "<null>", "(null)", "nan", "na", "n/a"})
"""Texts that programs write in tables where a value is missing, compared case-insensitively."""

_REMEDY = "give a vector file of points or polygons with a class column"

Name = int | str
"""A class as in the file: a number, or a name without surrounding spaces."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelFile:
    """The labels of one file."""

    path: Path
    shapes: NDArray[np.object_]
    """(n,) shapely points or polygons, each in one piece."""
    names: tuple[Name, ...]
    """(n,) classes."""
    crs: CRS | None
    """None: the coordinates of a scene without CRS."""


def read_labels(path: Path, column: str | None = None) -> LabelFile:
    """Read points or polygons that have a class; others are left out with a warning.

    Args:
        path: a table (`.csv`, `.tsv`, `.txt`) as of `geoseg.scenes.point_tables`, or a vector file, of which
            the first layer is read.
        column: column of the class; None: found by its name, or the only one that can be it.

    Raises:
        SceneReadError: the file does not exist or cannot be read.
        SceneError: there is no class column, no feature has a class, or features are neither points nor
            polygons.
    """
    if not path.exists():  # a file geodatabase is a folder
        raise SceneReadError(f"{path} does not exist; check the path")
    opened_vector(path)
    with opening(path, _REMEDY, kind="labels"):
        if path.suffix.lower() in SUFFIXES:
            shapes, values, crs = _from_table(path, column)
        else:
            with reading_vector(path) as file:
                shapes, values, crs = _from_vector(path, file, column)
        return _labelled(path, shapes, values, crs)


def classes_of(files: Sequence[LabelFile]) -> tuple[tuple[ClassSpec, ...], int | None, dict[Name, int]]:
    """Return the classes of all labels, the background first.

    Numbers are the values of the classes; where one is above `MOST_VALUE`, they are in the labels only.
    Names, and numbers then, get the values 1, 2, … in order, and 0 for the number 0 or a name such as
    `background`, or of two classes `land` or `no water`.

    Returns:
        The classes; the value of the background, None if every class is mapped; and the position of each
        class by its name in the files, names in lower case.

    Raises:
        SceneError: there are fewer than two classes, or more than `MOST_CLASSES`; numbers and names are
            mixed, or a number is not a class value.
        SceneReadError: a name is too long.
    """
    names = Counter(_key(name) for file in files for name in file.names)
    where = ", ".join(str(file.path) for file in files)
    if len(names) < 2:
        raise SceneError(
            f"{where}: all labels have the class {next(iter(names))}; label at least two classes"
        )
    if len(names) > MOST_CLASSES:
        raise SceneError(
            f"{where}: the class column has {len(names)} different values, which are not classes; "
            "name the right column with `--class-column`"
        )
    numbers = [name for name in names if isinstance(name, int)]
    if numbers and len(numbers) < len(names):
        mixed = next(name for name in names if isinstance(name, str))
        raise SceneError(f"{where}: the class is a number ({numbers[0]}) and a name ({mixed}); use one kind")
    if wrong := [number for number in numbers if not 0 <= number <= 65_534]:
        raise SceneError(f"{where}: {wrong[0]} is not a class; use numbers of 0 to 65534, or names")
    for name in names:
        check_label(str(name), f"{where}: the name of a class")
    written = {_key(name): str(name) for file in reversed(files) for name in reversed(file.names)}
    ordered = sorted(names, key=lambda name: (name if isinstance(name, int) else 0, str(name)))
    values = {name: name if isinstance(name, int) else i for i, name in enumerate(ordered, start=1)}
    if numbers and max(numbers) > MOST_VALUE:
        values = {name: i for i, name in enumerate(ordered, start=min(1, *numbers))}
        note(
            LOG,
            f"{where}: classes of a bundle have values up to {MOST_VALUE}, so those of the map are "
            f"{few_names([f'{value} (class {name})' for name, value in values.items()], 12)}",
        )
    labels = {name: f"class {name}" if isinstance(name, int) else written[name] for name in ordered}
    background = guessed_background({values[name]: [labels[name]] for name in ordered})
    if background is not None:
        first = next(name for name in ordered if values[name] == background)
        ordered.sort(key=lambda name: name != first)
        if not numbers:
            values = {name: i for i, name in enumerate(ordered)}
            background = 0
    colours = _colours([labels[name] for name in ordered], background)
    classes = tuple(
        ClassSpec(value=values[name], label=labels[name], colour=colour)
        for name, colour in zip(ordered, colours, strict=True)
    )
    return classes, background, {name: index for index, name in enumerate(ordered)}


def _colours(labels: Sequence[str], background: int | None) -> list[str]:
    """Return a colour for each class, by its name or by its position; none twice, if there are enough."""
    found = [
        next((colour for words, colour in COLOURS.items() if re.search(words, label.casefold())), "")
        for label in labels
    ]
    found = [colour if colour not in found[:index] else "" for index, colour in enumerate(found)]
    if background is not None:
        found[0] = model_colour(0)
    free = [colour for index in range(1, 9) if (colour := model_colour(index)) not in found]
    spare = iter(free + [model_colour(index) for index in range(1, MOST_CLASSES + 9)])
    return [colour or next(spare) for colour in found]


def positions_of(files: Sequence[LabelFile], order: dict[Name, int]) -> NDArray[np.intp]:
    """Return the position of the class of each label, (n,), file after file."""
    return np.array([order[_key(name)] for file in files for name in file.names], np.intp)


def _key(name: Name) -> Name:
    return name.casefold() if isinstance(name, str) else name


def _from_vector(
    path: Path, file: Path | str, column: str | None
) -> tuple[NDArray[np.object_], Sequence[object], CRS | None]:
    """Read labels from a file or its copy; `path` is for messages."""
    layer = layer_of(path, file)
    info = pyogrio.read_info(file, layer=layer)
    kinds = {str(name): str(dtype) for name, dtype in zip(info["fields"], info["dtypes"], strict=True)}
    found = _column(path, column, kinds)
    meta, _, wkb, (values,) = raw.read(file, layer=layer, columns=[found], force_2d=True)
    if wkb is None:
        raise SceneError(f"{path}: the layer {layer} has no geometry; {_REMEDY}")
    return np.asarray(shapely.from_wkb(wkb), object), values.tolist(), crs_of(path, meta["crs"])


def _from_table(path: Path, column: str | None) -> tuple[NDArray[np.object_], Sequence[object], CRS | None]:
    opened(path)
    table = read_table(path)
    points, crs = points_of(table)
    found = _column(path, column, dict.fromkeys(table.names, "object"))
    known = np.isfinite(points).all(axis=1)
    shapes = np.full(len(points), None, object)
    shapes[known] = shapely.points(points[known])
    return shapes, [row[found] for row in table.rows], crs


def _column(path: Path, named: str | None, kinds: dict[str, str]) -> str:
    """Return the name of the class column.

    Args:
        path: for messages.
        named: by the user; None: to be found.
        kinds: dtype of each column.
    """
    listed = ", ".join(kinds) or "none"
    if named is not None:
        if named not in kinds:
            raise SceneError(f"{path}: the column {named!r} is missing; columns are {listed}")
        return named
    lower = {name.lower(): name for name in reversed(kinds)}
    for known in COLUMNS:
        if known in lower:
            return lower[known]
    possible = [
        name
        for name, kind in kinds.items()
        if name.lower() not in COUNTERS and (kind == "object" or kind.startswith(("int", "uint")))
    ]
    if len(possible) == 1:
        note(LOG, f"{path}: column {possible[0]} is used as the class (`--class-column` names another)")
        return possible[0]
    raise SceneError(
        f"{path}: which column is the class is not clear (columns: {listed}); name it with `--class-column`"
    )


def _labelled(
    path: Path, shapes: NDArray[np.object_], values: Sequence[object], crs: CRS | None
) -> LabelFile:
    """Return the features with a class and a geometry, multi-part geometries as their parts."""
    kinds = shapely.get_type_id(shapes)
    missing = (kinds < 0) | shapely.is_empty(shapes)
    if wrong := sorted({_kind(kind) for kind in kinds[~missing] if kind not in (*_POINTS, *_POLYGONS)}):
        raise SceneError(f"{path}: features are {', '.join(wrong)}, not points or polygons; {_REMEDY}")
    names = [_name(value) for value in values]
    unnamed = np.array([name is None for name in names], np.bool_)
    used = ~missing & ~unnamed
    if not used.any():
        raise SceneError(f"{path}: no feature has a class and a geometry; fill in the class column")
    reasons = {"without a class": unnamed & ~missing, "without a geometry": missing}
    counted = [f"{int(mask.sum())} {reason}" for reason, mask in reasons.items() if mask.any()]
    if counted:
        warn(LOG, "labels-left-out", f"{path}: labels {', '.join(counted)} are not used")
    parts, index = shapely.get_parts(shapely.make_valid(shapes[used]), return_index=True)
    # Making a polygon valid may leave lines.
    sound = np.isin(shapely.get_type_id(parts), (*_POINTS, *_POLYGONS)) & ~shapely.is_empty(parts)
    parts, deeper = shapely.get_parts(parts[sound], return_index=True)
    owners = np.flatnonzero(used)[index[sound][deeper]]
    return LabelFile(
        path=path,
        shapes=parts,
        names=tuple(name for owner in owners.tolist() if (name := names[owner]) is not None),
        crs=crs,
    )


def _kind(kind: int) -> str:
    return f"{shapely.GeometryType(int(kind)).name.lower()}s"


def _name(value: object) -> Name | None:
    """Return a class as number or name; None: there is none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, int | np.integer):
        return int(value)
    text = " ".join(str(value).split())
    if text.casefold() in MISSING:
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(text) if text.isascii() and text.lstrip("-").isdigit() else text or None


def counts_text(classes: Iterable[ClassSpec], positions: NDArray[np.intp]) -> str:
    """Return the number of labels of each class in words."""
    return ", ".join(f"{int((positions == i).sum())} {item.label}" for i, item in enumerate(classes))
