"""Train networks on labelled rasters and export them as bundles. Requires the extra `train`."""

from __future__ import annotations

from pathlib import Path

from geoseg.errors import RuntimeMissingError

LAST_CHECKPOINT = Path("checkpoints", "last.ckpt")
"""In the folder of a training: the checkpoint of the last epoch, from which `--resume` continues."""


def missing_extra(what: str, error: ImportError) -> RuntimeMissingError:
    """Return the error for a failed import of the extra `train`."""
    return RuntimeMissingError(
        f"{what} requires the extra `train`; run pip install 'geoseg[train]' ({error})"
    )
