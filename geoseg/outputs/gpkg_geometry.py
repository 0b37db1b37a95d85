"""Geometries as GeoPackage stores them: a header with the bounding box, and WKB.

OGC 12-128r17, clause 2.1.3. The bytes are those that GDAL writes: little-endian, an envelope of x and y for
polygons, none for points and for empty geometries.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from geoseg.features import FlatPolygons

Boxes = NDArray[np.float64]
"""(n, 4) least x and y, greatest x and y; NaN of empty geometries."""

FEWEST = 4
"""Polygons with equal numbers of corners that are worth an array."""

_ENVELOPE, _EMPTY, _BARE = 0x03, 0x11, 0x01
MULTIPOLYGON_OF_ONE = b"\x01\x06\x00\x00\x00\x01\x00\x00\x00"
"""Start of the well-known binary of a multipolygon of one polygon."""
_ONE_RING = b"\x01\x03\x00\x00\x00\x01\x00\x00\x00"
_POINT = 0


def stored_geometries(
    geometry: NDArray[np.object_], wkb: Sequence[bytes], srs_id: int
) -> tuple[list[bytes], Boxes]:
    """Return geometries as they are stored, and their bounding boxes.

    Args:
        geometry: shapely geometries.
        wkb: of each.
        srs_id: number of their CRS in the file.
    """
    boxes = np.asarray(shapely.bounds(geometry), np.float64).reshape(-1, 4)
    empty = shapely.is_empty(geometry)
    points = shapely.get_type_id(geometry) == _POINT
    plain, hollow = _start(_BARE, srs_id), _start(_EMPTY, srs_id)
    framed = _start(_ENVELOPE, srs_id)
    envelopes = [row.tobytes() for row in boxes[:, [0, 2, 1, 3]].astype("<f8")]
    heads = [
        hollow if nothing else plain if point else framed + envelope
        for nothing, point, envelope in zip(empty.tolist(), points.tolist(), envelopes, strict=True)
    ]
    return [head + own for head, own in zip(heads, wkb, strict=True)], boxes


def stored_polygons(polygons: FlatPolygons, srs_id: int) -> tuple[list[bytes], Boxes]:
    """Return polygons as MultiPolygons as they are stored, and their bounding boxes.

    Polygons of one ring and of equally many corners are made at once.
    """
    boxes = polygons.bounds
    counts, rings = np.diff(polygons.rings), np.diff(polygons.polygons)
    firsts = polygons.polygons[:-1]
    sizes = np.where(rings == 1, counts[firsts], 0)
    order = np.argsort(sizes, kind="stable")
    values, begins = np.unique(sizes[order], return_index=True)
    out = np.empty(len(polygons), object)
    others = []
    for size, at in zip(values.tolist(), np.split(order, begins[1:]), strict=True):
        if not size or len(at) < FEWEST:
            others.append(at)
            continue
        corners = polygons.rings[firsts[at]][:, None] + np.arange(size)
        out[at] = _equal(polygons.coordinates[corners], boxes[at], srs_id)
    if others:
        at = np.concatenate(others)
        shapes = polygons.take(at)
        wkb = shapely.to_wkb(shapely.multipolygons(shapes, indices=np.arange(len(at))), output_dimension=2)
        # An object array would take bytes of equal lengths for a second axis.
        for index, blob in zip(at.tolist(), stored_geometries(shapes, wkb, srs_id)[0], strict=True):
            out[index] = blob
    return out.tolist(), boxes


def _equal(coordinates: NDArray[np.float64], boxes: Boxes, srs_id: int) -> NDArray[np.object_]:
    """Return polygons of one ring from (n, corners, 2) coordinates."""
    count, size, _ = coordinates.shape
    start, ring = _start(_ENVELOPE, srs_id), MULTIPOLYGON_OF_ONE + _ONE_RING + np.array(size, "<u4").tobytes()
    record = np.dtype(
        [
            ("start", f"V{len(start)}"),
            ("envelope", "<f8", (4,)),
            ("ring", f"V{len(ring)}"),
            ("xy", "<f8", (size, 2)),
        ]
    )
    rows = np.empty(count, record)
    rows["start"], rows["ring"] = np.void(start), np.void(ring)
    rows["envelope"] = boxes[:, [0, 2, 1, 3]]
    rows["xy"] = coordinates
    out = np.empty(count, object)
    out[:] = rows.view(f"V{record.itemsize}").tolist()
    return out


def _start(flags: int, srs_id: int) -> bytes:
    """Return the first eight bytes: magic, version 0, flags and CRS."""
    return b"GP\x00" + bytes([flags]) + np.array(srs_id, "<i4").tobytes()
