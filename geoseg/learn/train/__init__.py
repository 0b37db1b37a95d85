"""Training and export: labelled rasters become a bundle. Needs the extra `train`."""

from __future__ import annotations

from geoseg.errors import RuntimeMissingError


def missing_extra(what: str, error: ImportError) -> RuntimeMissingError:
    """Say how to get what a part of this room could not import."""
    return RuntimeMissingError(f"{what} needs the extra `train`: pip install 'geoseg[train]' ({error})")
