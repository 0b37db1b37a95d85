"""Media types of outputs, for objects in stores and assets of catalogues."""

from __future__ import annotations

MEDIA = {
    ".gpkg": "application/geopackage+sqlite3",
    ".fgb": "application/vnd.flatgeobuf",
    ".geojson": "application/geo+json",
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".csv": "text/csv",
    ".html": "text/html",
    ".sld": "application/vnd.ogc.sld+xml",
    ".qml": "application/xml",
}
"""By suffix, in lower case."""
