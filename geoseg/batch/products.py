"""The files that describe a whole batch: summary, catalogue and merged map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from geoseg.batch.catalogue import catalogue
from geoseg.batch.item_files import holds
from geoseg.batch.merge import merge_maps
from geoseg.batch.naming import COLLECTION, FOOTPRINTS, MERGED, STAC, SUMMARY
from geoseg.batch.outcome import Outcome
from geoseg.batch.store import Store
from geoseg.batch.summary import summary_csv, write_footprints
from geoseg.batch.tasks import BatchTask
from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles, write_texts
from geoseg.spec.batch import BatchSpec


def write_products(
    spec: BatchSpec, task: BatchTask, store: Store, outcomes: Sequence[Outcome], known: Iterable[str]
) -> tuple[Path, ...]:
    """Write summary and catalogue, and the merged map for `--merge`; return the files to look at.

    Args:
        spec: of the batch.
        task: its task.
        store: of the outputs.
        outcomes: of all scenes.
        known: scenes of this and of earlier batches in the folder.

    Raises:
        OutputError: a file cannot be written.
    """
    if not outcomes:
        return ()
    folder = store.folder
    texts = {folder / name: text for name, text in catalogue(task.name, outcomes).items()}
    texts[folder / SUMMARY] = summary_csv(outcomes)
    footprints = folder / FOOTPRINTS
    for path in texts:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
    # Old items, of scenes that are no longer part of the batch or failed now.
    for scene in known:
        if (path := folder / STAC / f"{scene}.json") not in texts:
            path.unlink(missing_ok=True)
    changed = {path: text for path, text in texts.items() if path.name == SUMMARY or not holds(path, text)}
    wanted = [folder / SUMMARY, footprints, *(path for path in changed if path.name != SUMMARY)]
    with OutputFiles(wanted, overwrite=True) as files:
        write_texts(changed, files)
        write_footprints(files.path(footprints), outcomes)
        files.commit()
    store.publish(wanted)
    main = [folder / SUMMARY, footprints, folder / COLLECTION]
    if spec.merge:
        merged = merge_maps(folder / MERGED, folder, task, outcomes)
        if merged:
            store.publish((folder / MERGED,))
            main.append(folder / MERGED)
    return tuple(main)
