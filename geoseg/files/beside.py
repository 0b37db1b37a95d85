"""Write beside, then rename: a reader sees the old file or the new one, never half of either.

All files of a run share one `Beside`. They grow in a hidden folder next to their place (the same file system,
so that the rename is atomic), with their final names (so that the sidecars and journals of GDAL and SQLite
stay in there too), and go to their places together. Whatever ends the run early removes the folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from geoseg.errors import OutputError
from geoseg.files.disk import explain, writing
from geoseg.files.inputs import input_at

STALE = ("-wal", "-shm", "-journal", ".aux.xml", ".ovr", ".msk")
"""What readers leave beside a file and would wrongly apply to the one that replaces it."""


def check_writable(paths: Iterable[Path], overwrite: bool, *, inputs: Iterable[str | Path] = ()) -> None:
    """Find out whether files can be written: before any work, and again before they take their places.

    Args:
        paths: every file that will be written, `companions` included.
        overwrite: whether existing files may be replaced.
        inputs: files that will be read, besides those that this run has opened (`geoseg.files.inputs`).

    Raises:
        OutputError: a path is given twice, is an input by whatever name or link, exists without `overwrite`,
            is a folder, or its folder is missing or cannot be written.
    """
    seen: set[Path] = set()
    named = [str(path) for path in inputs]
    for path in paths:
        place = path.resolve()
        if place in seen:
            raise OutputError(f"{path}: named for two outputs; give each its own file")
        for part in (path, *_stale(place)):
            if (found := input_at(part, named)) is not None:
                same = found.resolve() == place
                what = "an input" if same else f"an input ({found})"
                raise OutputError(f"{part}: is {what} of this run; write to another file")
        seen.add(place)
        if path.is_dir():
            raise OutputError(f"{path}: is a folder; name a file in it")
        _check_folder(path, place.parent)
        if path.exists() and not overwrite:
            raise OutputError(f"{path}: exists; add --overwrite to replace it")


def _stale(place: Path) -> list[Path]:
    """What readers may have left beside a place."""
    return [place.with_name(place.name + suffix) for suffix in STALE]


def _check_folder(path: Path, folder: Path) -> None:
    """Raise `OutputError` unless a file can be made in `folder`."""
    if not folder.exists():
        raise OutputError(f"{path}: the folder {folder} does not exist; create it or write elsewhere")
    if not folder.is_dir():
        raise OutputError(f"{path}: {folder} is a file, not a folder; write elsewhere")
    try:
        # Only trying tells: permission bits say nothing of read-only mounts, nor to root.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise explain(path, error) from error


class Beside:
    """Files on their way to their places; a context manager that removes what was not committed."""

    def __init__(self, targets: Sequence[Path], *, overwrite: bool) -> None:
        self._targets = tuple(targets)
        self._overwrite = overwrite
        self._folders: dict[Path, Path] = {}

    def __enter__(self) -> Self:
        check_writable(self._targets, self._overwrite)
        try:
            for target in self._targets:
                # Behind a link, the file it points to is replaced and the link stays.
                parent = target.resolve().parent
                if parent not in self._folders:
                    with writing(target):
                        made = tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=parent)
                    self._folders[parent] = Path(made)
        except BaseException:
            self._remove()
            raise
        return self

    def path(self, target: Path, *, name: str | None = None) -> Path:
        """Where to write what will become `target`, or a working file `name` beside it."""
        place = target.resolve()
        return self._folders[place.parent] / (name or place.name)

    def commit(self) -> None:
        """Move every file to its place, the first target last, so that it stands only when all do.

        Raises:
            OutputError: a file is not there or cannot be moved, or appeared in the meantime and may not be
                replaced; then all places are as they were.
        """
        check_writable(self._targets, self._overwrite)
        for target in self._targets:
            with writing(target):
                _flush(self.path(target))
        with writing(self._targets[0]), ExitStack() as undo:
            for target in reversed(self._targets):
                with writing(target):
                    _exchange(self.path(target), target.resolve(), undo)
            undo.pop_all()

    def __exit__(self, *_: object) -> None:
        self._remove()

    def _remove(self) -> None:
        for folder in self._folders.values():
            shutil.rmtree(folder, ignore_errors=True)
        self._folders.clear()


def _flush(path: Path) -> None:
    """Wait until a file is on the disk: a network or full disk may refuse it only now."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _exchange(new: Path, place: Path, undo: ExitStack) -> None:
    """Put a file at its place; `undo` brings back what stood there."""
    for stale in _stale(place):
        _keep(stale, new.parent, undo)
        stale.unlink(missing_ok=True)
    _keep(place, new.parent, undo)
    os.replace(new, place)


def _keep(place: Path, folder: Path, undo: ExitStack) -> None:
    """Keep what stands at a place in a folder too, so that `undo` can bring it back."""
    if not place.exists():
        undo.callback(place.unlink, missing_ok=True)
        return
    kept = folder / f".{place.name}.replaced"
    undo.callback(_restore, kept, place)
    try:
        os.link(place, kept)
    except OSError:
        # A file system without links: for a moment nothing stands there.
        os.replace(place, kept)


def _restore(kept: Path, place: Path) -> None:
    if kept.exists():
        os.replace(kept, place)


def write_texts(texts: Mapping[Path, str], beside: Beside) -> None:
    """Write text files beside their places.

    Raises:
        OutputError: one cannot be written.
    """
    for path, text in texts.items():
        with writing(path):
            beside.path(path).write_text(text, encoding="utf-8")


def write_report(folder: Path, texts: Mapping[str, str], *, overwrite: bool = True) -> tuple[Path, ...]:
    """Write text files of a report into a folder, which is made where it does not exist; return their paths.

    Args:
        folder: for all files.
        texts: by file name.
        overwrite: whether existing files are replaced.

    Raises:
        OutputError: one cannot be written, or exists without `overwrite`; then none is written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    named = {folder / name: text for name, text in texts.items()}
    with Beside(list(named), overwrite=overwrite) as beside:
        write_texts(named, beside)
        beside.commit()
    return tuple(named)
