"""Files for the STAC items of collections, in the output folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from geoseg.batch.entry import Entry
from geoseg.files.disk import writing
from geoseg.files.output_files import OutputFiles, write_texts


def with_item_files(entries: Sequence[Entry], folder: Path, scratch: Path | None = None) -> list[Entry]:
    """Write the STAC items of entries, which become their paths; files with the same content stay.

    Args:
        entries: the scenes.
        folder: of the items.
        scratch: where those that are not there yet are written instead; None: in `folder`.

    Raises:
        OutputError: a file cannot be written.
    """
    texts = {entry.scene: json.dumps(entry.item, indent=1) for entry in entries if entry.item is not None}
    paths = {scene: folder / f"{scene}.json" for scene in texts}
    new = [scene for scene, text in texts.items() if not holds(paths[scene], text)]
    if new:
        place = scratch or folder
        paths |= {scene: place / f"{scene}.json" for scene in new}
        changed = {paths[scene]: texts[scene] for scene in new}
        with writing(place):
            place.mkdir(parents=True, exist_ok=True)
        # Parts of a batch that run at the same time write the same items.
        with OutputFiles(list(changed), overwrite=True) as files:
            write_texts(changed, files)
            files.commit()
    return [
        entry if entry.item is None else replace(entry, paths=(str(paths[entry.scene]),), item=None)
        for entry in entries
    ]


def holds(path: Path, text: str) -> bool:
    """Return whether a file has this content: of a large batch that continues, most items are there."""
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False
