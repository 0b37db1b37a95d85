"""Write the folder of a training: what a failed training leaves, and what a full disk means."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from geoseg.errors import GeosegError
from geoseg.files.disk import existing, explain, free_bytes, is_full, is_refused
from geoseg.files.leftovers import Marker, clear
from geoseg.files.machine import temporary_folder
from geoseg.files.output_files import check_folder
from geoseg.files.scratch import scratching
from geoseg.learn.train import LAST_CHECKPOINT
from geoseg.learn.train.trainer import CHECKPOINTS, DESCRIPTION, LOGS

PARTS = (DESCRIPTION, CHECKPOINTS.name, f"{LOGS}*", "curves.svg", "worst.png")
"""What a training writes into its folder."""


@contextmanager
def training_output(folder: Path, *, resume: bool = False) -> Iterator[None]:
    """Write a training into a folder; one that was there before stays until this one has a checkpoint.

    A training that fails before its first checkpoint leaves nothing: the folder is removed if it was made for
    it, else the old training is there again. With a checkpoint the folder stays, and `--resume` continues.

    Args:
        folder: of the training.
        resume: whether the training in the folder is continued.

    Raises:
        OutputError: the folder cannot be written, or a disk is full.
    """
    made = [part for part in (folder, *folder.parents) if not part.exists()]
    check_folder(folder, next(part for part in (folder, *folder.resolve().parents) if part.exists()))
    with _explaining(folder), ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        clear(folder)
        old = None if resume else _set_aside(folder, stack)
        try:
            yield
        except BaseException:
            if not resume and not (folder / LAST_CHECKPOINT).is_file():
                for part in _parts(folder):
                    _remove(part)
                for part in () if old is None else _parts(old):
                    part.replace(folder / part.name)
                stack.close()
                with suppress(OSError):  # Others may have written into it.
                    for part in made:
                        part.rmdir()
            raise


def _set_aside(folder: Path, stack: ExitStack) -> Path | None:
    """Move an old training into a hidden folder, which `stack` removes; None: there is none."""
    parts = _parts(folder)
    if not parts:
        return None
    old = Path(tempfile.mkdtemp(prefix=".training.", suffix=".partial", dir=folder))
    stack.callback(shutil.rmtree, old, ignore_errors=True)
    stack.callback(Marker(old).close)
    for part in parts:
        part.replace(old / part.name)
    return old


def _parts(folder: Path) -> list[Path]:
    """Return what a training has written into a folder."""
    return [path for pattern in PARTS for path in folder.glob(pattern)]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def _explaining(folder: Path) -> Iterator[None]:
    """Convert failures to write to an `OutputError` that names the disk that is full.

    Lightning writes a checkpoint into the folder for temporary files and copies it; torch raises a
    RuntimeError where it cannot write.
    """
    try:
        yield
    except GeosegError:
        raise
    except (OSError, RuntimeError) as error:
        temporary = temporary_folder()
        place = min((folder, temporary), key=lambda part: free_bytes(existing(part)))
        full = is_full(existing(place), error)
        if not full and not is_refused(error):
            raise
        failure = OSError(errno.ENOSPC, str(error)) if full else error
        if place == temporary:
            with scratching(temporary):
                raise failure from error
        raise explain(folder / DESCRIPTION, failure) from error
