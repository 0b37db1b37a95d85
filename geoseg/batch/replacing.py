"""What a batch must not replace: files of others, and scenes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from geoseg.batch.job import Job
from geoseg.batch.naming import COLLECTION, FOOTPRINTS, MERGED, STAC, SUMMARY
from geoseg.batch.store import Store
from geoseg.errors import OutputError, UsageError
from geoseg.files.network import needs_network
from geoseg.files.store_path import object_path
from geoseg.spec.batch import BatchSpec


def check_products(spec: BatchSpec, store: Store, scenes: Iterable[str]) -> None:
    """Check, before the first batch in a folder, that its files replace none of others.

    Args:
        spec: of the batch.
        store: of the outputs.
        scenes: names of the scenes.

    Raises:
        OutputError: such a file exists, and `--overwrite` is not given.
    """
    if spec.overwrite:
        return
    names = [SUMMARY, FOOTPRINTS, COLLECTION, *([MERGED] if spec.merge else [])]
    found = [path for name in names if store.has(path := store.folder / name)]
    items = (store.folder / STAC / f"{scene}.json" for scene in scenes)
    if found := found or [path for path in items if path.exists()][:1]:
        raise OutputError(
            f"{store.target(found[0])}: exists, and no batch made it; write to another folder, or add "
            "`--overwrite` to replace it"
        )


def check_scenes_stay(jobs: Sequence[Job], store: Store) -> None:
    """Check that no map replaces the scene of another one.

    Raises:
        UsageError: one would.
    """
    inputs = {_place(path): job.scene for job in jobs for path in job.sources}
    for job in jobs:
        for name in job.files:
            target = str(store.target(store.folder / name))
            if (scene := inputs.get(_place(target))) is not None:
                raise UsageError(
                    f"{job.scene}: {target} is the scene {scene}; write to another folder, or to other names"
                )


def _place(path: str) -> str:
    """Return an address, or the path of a local file without links."""
    found = object_path(path)
    return str(found) if found else path if needs_network(path) else os.path.realpath(path)
