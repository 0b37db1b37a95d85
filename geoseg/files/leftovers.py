"""Temporary folders of runs that were killed: found, reported and removed by the next run in their folder.

A run that is killed (`kill -9`, lack of memory, loss of power) cannot remove its temporary folders. Each such
folder has a marker that says which process made it, and that this process keeps locked. A folder is removed
only if the marker is that of this host and user, nobody has locked it, and the process is gone.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import socket
from collections.abc import Container
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from geoseg.messages import note

try:
    import fcntl
except ImportError:  # Windows: folders of killed runs stay
    fcntl = None  # type: ignore[assignment]

LOG = logging.getLogger(__name__)

CAN_LOCK = fcntl is not None
"""Whether files can be locked on this system."""

MARKER = ".geoseg-run"
"""Name of the marker in a temporary folder."""

BACKUP = ".replaced"
"""Suffix of the old file of an output, kept in the temporary folder while outputs are moved."""

_ENDED = frozenset("ZX")
"""States of processes that have ended."""

_NAME = re.compile(r"\.geoseg-[a-z0-9_]{8}|\..+\.[a-z0-9_]{8}\.partial")
"""Names of scratch folders and of folders for outputs."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The process that made a folder."""

    host: str
    pid: int
    started: str
    """Boot, namespace and start time of the process, which tell it from later ones with its number."""

    @classmethod
    def this(cls) -> Owner:
        """Return this process."""
        return cls(host=socket.gethostname(), pid=os.getpid(), started=_started(os.getpid()))

    @property
    def gone(self) -> bool:
        """Whether the process ran on this host and is there no more; False if that is not known."""
        if self.host != socket.gethostname() or not self.started:
            return False
        own = _started(os.getpid()).split()
        boot, space, _ = self.started.split()
        if not own or boot != own[0]:
            return bool(own)
        # Processes of another container cannot be seen, but their locks can.
        return space != own[1] or _started(self.pid) != self.started


def _started(pid: int) -> str:
    """Return boot, namespace and start time of a process; empty: it has ended, or is not known."""
    with suppress(OSError, IndexError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = os.readlink("/proc/self/ns/pid")
        # The name of the program, in brackets, may hold spaces.
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        # A process that has ended is listed until its parent asks for the exit code, sometimes for ever.
        return "" if fields[0] in _ENDED else f"{boot} {space} {fields[19]}"
    return ""


class Marker:
    """The locked marker of a temporary folder of this process."""

    def __init__(self, folder: Path) -> None:
        """Write the marker.

        Raises:
            OSError: it cannot be written.
        """
        self._file = (folder / MARKER).open("x", encoding="utf-8")
        try:
            lock(self._file.fileno())
            self._file.write(json.dumps(asdict(Owner.this())))
            self._file.flush()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the marker, before the folder is removed."""
        with suppress(OSError):
            self._file.close()


def lock(descriptor: int) -> bool:
    """Lock an open file until it is closed; return whether nobody else has."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # A file system without locks: the process alone decides.
    return True


def clear(parent: Path, own: Container[str] = frozenset()) -> None:
    """Remove the temporary folders of killed runs in a folder, and restore an old output that is missing.

    Folders of other users, of other hosts and of runs that may still be there stay.

    Args:
        parent: the folder.
        own: names of outputs that no other run writes now. Their folders are removed also if the run was
            killed before it had written the marker.
    """
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    _clear(Path(entry.path), unmarked=_output_of(entry.name) in own)


def _output_of(name: str) -> str:
    """Return the name of the output that a temporary folder is for; empty: a scratch folder."""
    return name[1:].removesuffix(".partial").rpartition(".")[0] if name.endswith(".partial") else ""


def _clear(folder: Path, *, unmarked: bool) -> None:
    """Remove a folder if its run was killed; one whose marker was not written only if `unmarked`."""
    if hasattr(os, "geteuid") and folder.lstat().st_uid != os.geteuid():
        return
    marker = folder / MARKER
    if unmarked and (not marker.exists() or not marker.stat().st_size):
        shutil.rmtree(folder)
        return
    with marker.open("r+", encoding="utf-8") as file:
        try:
            owner = Owner(**json.load(file))
        except (ValueError, TypeError):
            return  # It is being written.
        if not owner.gone or not lock(file.fileno()):
            return
        restored = [_restore(path, folder.parent) for path in folder.glob(f".*{BACKUP}")]
        shutil.rmtree(folder)
    names = ", ".join(str(path) for path in restored if path is not None)
    kept = f"; {names} is the old file again" if names else ""
    note(LOG, f"{folder}: removed; a run that was killed (process {owner.pid}) left it{kept}")


def _restore(backup: Path, parent: Path) -> Path | None:
    """Move the old file of an output back if no file has replaced it; return its path."""
    target = parent / backup.name[1 : -len(BACKUP)]
    if target.exists():
        return None
    os.replace(backup, target)
    return target
