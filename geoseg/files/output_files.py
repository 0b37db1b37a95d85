"""Write outputs to a hidden folder, then rename them: readers see the old file or the new one, never a part.

All outputs of a run share one `OutputFiles`. They are written in a hidden folder next to their final path (on
the same file system, so that the rename is atomic), under their final names (so that sidecar files and
journals of GDAL and SQLite are in that folder too), and are moved to their final paths together. The folder
is removed when the run ends, also after an error; that of a run that was killed is removed by the next run.

Outputs in a store (`geoseg.files.store_path`) are written in a scratch folder of this machine and uploaded
when all are complete, the first target last.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

from geoseg.errors import OutputError
from geoseg.files.disk import explain, writing
from geoseg.files.inputs import Inputs
from geoseg.files.leftovers import BACKUP, Marker, clear
from geoseg.files.store_path import StorePath, folder_beside
from geoseg.files.uploads import Uploads

STALE = ("-wal", "-shm", "-journal", ".aux.xml", ".ovr", ".msk")
"""Suffixes of sidecar files of an old file, which readers would apply to the file that replaces it."""


def check_writable(paths: Iterable[Path], overwrite: bool, *, inputs: Iterable[str | Path] = ()) -> None:
    """Check that files can be written; called before any work and again before files are moved.

    Args:
        paths: every file that will be written, companion files included.
        overwrite: whether existing files may be replaced.
        inputs: files that will be read, besides those that this run has opened (`geoseg.files.inputs`).

    Raises:
        OutputError: a path is named twice, is an input under any name or link, exists without `overwrite`,
            is a folder, or its folder or store is missing or cannot be written.
        RuntimeMissingError: a path is in a store, and obstore is not installed.
    """
    targets: set[Path] = set()
    read = Inputs([str(path) for path in inputs])
    for path in paths:
        with writing(path):
            _check_one(path, overwrite, read, targets)


def _check_one(path: Path, overwrite: bool, inputs: Inputs, targets: set[Path]) -> None:
    """Check one file as `check_writable` does, and add it to those that were checked."""
    if not isinstance(path, StorePath):
        _check_kind(path)
    target = path.resolve()
    if str(target) != str(target).encode(errors="replace").decode():
        raise OutputError(f"{path}: the name is not valid UTF-8, which GDAL requires; choose another name")
    if target in targets:
        raise OutputError(f"{path}: two outputs have this name; name a file for each")
    for part in (path, *([] if isinstance(path, StorePath) else _sidecars(target))):
        if (opened := inputs.at(part)) is not None:
            what = "an input" if opened.resolve() == target else f"an input ({opened})"
            raise OutputError(f"{part}: is {what} of this run; write to another file")
    targets.add(target)
    if path.is_dir():
        raise OutputError(f"{path}: is a folder; name a file in it")
    if isinstance(path, StorePath):
        from geoseg.files.stores import check_store  # noqa: PLC0415 - for outputs in stores only

        check_store(path)
    else:
        check_folder(path, target.parent)
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists; add `--overwrite` to replace it")


def _check_kind(path: Path) -> None:
    """Check that a path is a file, a folder or nothing.

    A pipe, socket or device, also behind a link, would be replaced by a file: of a user who may do so, also
    `/dev/null` of the whole system.

    Raises:
        OutputError: it is none of them, or a link that leads to itself.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OutputError(f"{path}: is a link that leads to itself; write to another file") from error
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OutputError(f"{path}: is no file but a pipe, socket or device; write to a file")


def _sidecars(target: Path) -> list[Path]:
    """Return the paths of sidecar files that readers may have written for a file."""
    return [target.with_name(target.name + suffix) for suffix in STALE]


def check_folder(path: Path, folder: Path) -> None:
    """Check that files can be created in a folder.

    Args:
        path: the output, for the message.
        folder: its folder.

    Raises:
        OutputError: the folder is missing or cannot be written.
    """
    if not folder.exists():
        raise OutputError(f"{path}: the folder {folder} does not exist; create it or write elsewhere")
    if not folder.is_dir():
        raise OutputError(f"{path}: {folder} is a file, not a folder; write elsewhere")
    try:
        # Permission bits do not show read-only mounts, and do not apply to root: create a file to test it.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise explain(path, error) from error


class OutputFiles:
    """The outputs of a run until they are moved to their final paths; a context manager.

    Files that were not committed are removed at its end.
    """

    def __init__(self, targets: Sequence[Path], *, overwrite: bool) -> None:
        self._targets = tuple(targets)
        self._overwrite = overwrite
        self._folders: dict[Path, Path] = {}
        self._markers: list[Marker] = []
        self._endings: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        for folder in {folder_beside(target) for target in self._targets}:
            clear(folder)
        check_writable(self._targets, self._overwrite)
        try:
            for target in self._targets:
                # The file that a link points to is replaced; the link stays.
                parent = target.resolve().parent
                if parent not in self._folders:
                    with writing(target):
                        made = tempfile.mkdtemp(
                            prefix=f".{target.name}.", suffix=".partial", dir=folder_beside(target)
                        )
                        self._folders[parent] = Path(made)
                        # A mask of permissions (umask) may leave a folder that cannot be emptied.
                        os.chmod(made, stat.S_IRWXU)
                        self._markers.append(Marker(Path(made)))
        except BaseException:
            self.__exit__()
            raise
        return self

    def path(self, target: Path, *, name: str | None = None) -> Path:
        """Return the path at which to write `target`, or a working file `name` in the same folder."""
        final = target.resolve()
        return self._folders[final.parent] / (name or final.name)

    def at_end(self, stop: Callable[[], None]) -> None:
        """Call a function before the folders are removed: another thread may still write to them."""
        self._endings.append(stop)

    def commit(self) -> None:
        """Move or upload every file to its final path, the first target last: where it exists, all others do.

        Raises:
            OutputError: a file is missing or cannot be moved, or appeared in the meantime and may not be
                replaced; then all files are as they were before.
        """
        check_writable(self._targets, self._overwrite)
        for target in self._targets:
            # A network disk or a full disk may report an error only now.
            with writing(target), self.path(target).open("rb+") as file:
                os.fsync(file.fileno())
        with writing(self._targets[0]), Uploads(replace=self._overwrite) as uploads, ExitStack() as undo:
            kept = frozenset(target.resolve() for target in self._targets)
            for target in reversed(self._targets):
                with writing(target):
                    if isinstance(target, StorePath):
                        uploads.add(self.path(target), target, last=target is self._targets[0])
                    else:
                        _exchange(self.path(target), target.resolve(), undo, kept)
            undo.pop_all()

    def __exit__(self, *_: object) -> None:
        for stop in self._endings:
            stop()
        for marker in self._markers:
            marker.close()
        self._markers.clear()
        for folder in self._folders.values():
            shutil.rmtree(folder, ignore_errors=True)
        self._folders.clear()


def _exchange(new: Path, target: Path, undo: ExitStack, kept: Set[Path]) -> None:
    """Move a file to its final path and remove sidecar files of the old one; `undo` restores all of them.

    Outputs of the run (`kept`) are not taken for sidecar files: a network may name its data `model.onnx.ovr`.
    """
    for stale in _sidecars(target):
        if stale in kept:
            continue
        _back_up(stale, new.parent, undo)
        stale.unlink(missing_ok=True)
    _back_up(target, new.parent, undo)
    os.replace(new, target)


def _back_up(target: Path, folder: Path, undo: ExitStack) -> None:
    """Link a file into a folder so that `undo` can restore it."""
    if not target.exists():
        undo.callback(target.unlink, missing_ok=True)
        return
    backup = folder / f".{target.name}{BACKUP}"
    undo.callback(_restore, backup, target)
    try:
        os.link(target, backup)
    except OSError:
        # On a file system without links the file is missing for a moment.
        os.replace(target, backup)


def _restore(backup: Path, target: Path) -> None:
    if backup.exists():
        os.replace(backup, target)


def write_texts(texts: Mapping[Path, str], files: OutputFiles) -> None:
    """Write text files as outputs of a run.

    Raises:
        OutputError: a file cannot be written.
    """
    for path, text in texts.items():
        with writing(path):
            files.path(path).write_text(text, encoding="utf-8")


def write_report(folder: Path, texts: Mapping[str, str], *, overwrite: bool = True) -> tuple[Path, ...]:
    """Write the text files of a report into a folder, which is created if needed; return their paths.

    Args:
        folder: for all files.
        texts: by file name.
        overwrite: whether existing files are replaced.

    Raises:
        OutputError: a file cannot be written, or exists without `overwrite`; then no file is written.
    """
    return write_together({folder / name: text for name, text in texts.items()}, overwrite=overwrite)


def write_together(
    texts: Mapping[Path, str], *, overwrite: bool, finished: Mapping[Path, Path] | None = None
) -> tuple[Path, ...]:
    """Write text files and move finished files to their paths, all or none; return the paths.

    Args:
        texts: by path; folders are created if needed.
        overwrite: whether existing files are replaced.
        finished: files of this run on the same disk, by the path that each is moved to.

    Raises:
        OutputError: a file cannot be written, or exists without `overwrite`; then no file is written.
    """
    finished = finished or {}
    targets = [*texts, *finished]
    with ExitStack() as stack:
        for folder in dict.fromkeys(target.parent for target in targets):
            stack.enter_context(made_folder(folder))
        files = stack.enter_context(OutputFiles(targets, overwrite=overwrite))
        write_texts(texts, files)
        for target, file in finished.items():
            with writing(target):
                shutil.move(file, files.path(target))
        files.commit()
    return tuple(targets)


@contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Create a folder of outputs with its parents; after an error the new ones are removed, if empty.

    Raises:
        OutputError: it cannot be created.
    """
    local = () if isinstance(folder, StorePath) else (folder, *folder.parents)
    with writing(folder):
        made = [part for part in local if not part.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (NotADirectoryError, FileExistsError) as error:
            raise OutputError(
                f"{folder}: cannot be created: {error.strerror}; give another folder"
            ) from error
    try:
        yield
    except BaseException:
        for part in made:
            with suppress(OSError):
                part.rmdir()
        raise
