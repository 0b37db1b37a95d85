"""The small map of the tests of outputs."""

from __future__ import annotations

from tests.outputs.conftest import classes, crs, footprint, make_features, record, schema

__all__ = ["classes", "crs", "footprint", "make_features", "record", "schema"]
