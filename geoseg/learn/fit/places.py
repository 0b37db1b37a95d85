"""Places on the ground: labels that are near each other are left out together."""

from __future__ import annotations

from collections import Counter

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from scipy.cluster.hierarchy import fcluster, linkage

from geoseg.errors import SceneError

PIXELS = 32
"""Default size of a place in pixels of the scenes."""

FOLDS = 10
"""Most parts of a cross-validation; places are shared out among them."""

MOST_CLUSTERED = 3000
"""Positions that are clustered at once; the memory grows with their square. More are first put into cells."""


def ground_positions(shapes: NDArray[np.object_], crs: CRS | None) -> NDArray[np.float64]:
    """Return positions (n, 3) in metres, geocentric, so that distances hold in any CRS and across scenes.

    Args:
        shapes: points, or polygons, which are at their centroids.
        crs: of the shapes; None: the positions are (x, y, 0) in pixels.

    Raises:
        SceneError: a shape lies where its CRS is not defined.
    """
    centres = shapely.centroid(shapes)
    x, y = shapely.get_x(centres), shapely.get_y(centres)
    if crs is None:
        return np.column_stack([x, y, np.zeros_like(x)])
    to_ground = Transformer.from_crs(crs, CRS.from_epsg(4978), always_xy=True)
    found = np.column_stack(to_ground.transform(x, y, np.zeros_like(x)))
    if not np.isfinite(found).all():
        raise SceneError("a label lies outside the area of its CRS; check the CRS of the labels")
    return found


def places_of(positions: NDArray[np.float64], size: float) -> NDArray[np.intp]:
    """Return the place of each position, 0, 1, …: groups whose members are at most `size` apart.

    Groups are made by complete linkage, so that a row of near labels does not grow into one group.

    Args:
        positions: (n, 3).
        size: greatest distance within a place, in the unit of the positions.
    """
    cells, inverse = np.unique(positions, axis=0, return_inverse=True)
    step = size / 4
    while len(cells) > MOST_CLUSTERED:
        cells, inverse = np.unique(np.floor(positions / step), axis=0, return_inverse=True)
        cells = cells * step
        step *= 2
    if len(cells) == 1:
        return np.zeros(len(positions), np.intp)
    groups = fcluster(linkage(cells, "complete"), t=size, criterion="distance")
    return np.asarray(groups[inverse.reshape(-1)] - 1, np.intp)


def folds_of(places: NDArray[np.intp], classes: NDArray[np.intp], most: int = FOLDS) -> NDArray[np.intp]:
    """Return the part of each label, 0, 1, …: no place is in two parts, no part has all labels of a class.

    Args:
        places: (n,) place of each label.
        classes: (n,) class of each label; each class is in two places or more.
        most: greatest number of parts.
    """
    named = np.unique(places)
    if len(named) > most:
        parts = _shared_out(places, classes, most)
        complete = all(len(np.unique(parts[classes == value])) > 1 for value in np.unique(classes))
        if complete:
            return parts
    return np.searchsorted(named, places)


def _shared_out(places: NDArray[np.intp], classes: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """Put each place into the part that has least of its classes, places of rare classes first."""
    totals = Counter(classes.tolist())
    members = {place: Counter(classes[places == place].tolist()) for place in np.unique(places).tolist()}
    held = [Counter[int]() for _ in range(most)]
    part_of: dict[int, int] = {}
    order = sorted(members, key=lambda place: (min(totals[value] for value in members[place]), place))
    for place in order:
        loads = [
            (max(part[value] / totals[value] for value in members[place]), part.total(), index)
            for index, part in enumerate(held)
        ]
        part_of[place] = min(loads)[2]
        held[part_of[place]] += members[place]
    named = sorted(set(part_of.values()))
    return np.array([named.index(part_of[place]) for place in places.tolist()], np.intp)
