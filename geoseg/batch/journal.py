"""The journal of a batch: a JSON line for each scene that was planned, mapped or failed, as it happens.

A batch that is killed leaves a journal that ends in at most one incomplete line. The next run reads it: maps
whose stamp is the same are finished; files that the journal names are those of the batch and may be replaced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Self

from pydantic import ValidationError

from geoseg.batch.job import Job
from geoseg.batch.naming import JOURNALS
from geoseg.batch.outcome import Outcome
from geoseg.errors import OutputError, SceneReadError, UsageError
from geoseg.files.bounded import check_regular
from geoseg.files.disk import writing
from geoseg.files.leftovers import CAN_LOCK, lock

NAME = "journal"
"""Stem of the files of journals."""


def journal_name(shard: tuple[int, int] | None) -> str:
    """Return the name of the journal of a batch, or of a part of it."""
    return f"{NAME}.jsonl" if shard is None else f"{NAME}-{shard[0]}-of-{shard[1]}.jsonl"


class Known:
    """What the journals of a folder say."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.outcomes: dict[str, Outcome] = {}
        """What became of each scene, last known."""
        self.owned: set[str] = set()
        """Files in the folder that batches made or began."""
        self.empty = True
        """Whether there is no line."""

    @classmethod
    def of(cls, folder: Path, task: str) -> Known:
        """Read all journals of a folder.

        Args:
            folder: of the outputs.
            task: of the batch.

        Raises:
            UsageError: the folder holds maps of another task.
            SceneReadError: a journal is damaged.
        """
        known = cls()
        for path in sorted(folder.glob(JOURNALS)):
            known._read(path, task)
        return known

    def _read(self, path: Path, task: str) -> None:
        """Read one journal; an incomplete last line is left out."""
        check_regular(path)
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                self._take(line, f"{path}, line {number}", task)

    def _take(self, line: bytes, where: str, task: str) -> None:
        value = _parsed(line, where)
        self.empty = False
        event = value.pop("event", "")
        if event == "begun" and value.get("task") != task:
            raise UsageError(
                f"{where}: the folder holds maps of {value.get('task')}, not of {task}; write to another "
                "folder"
            )
        if event == "planned":
            self.owned.update(map(str, value["files"]))
        elif event == "scene":
            self._take_outcome(value)

    def _take_outcome(self, value: Mapping[str, Any]) -> None:
        try:
            outcome = Outcome.model_validate(value)
        except ValidationError:  # of another version: the scene is mapped again
            return
        self.owned.update(file.href for file in outcome.outputs)
        known = self.outcomes.get(outcome.scene)
        if known is None or known.created <= outcome.created:
            self.outcomes[outcome.scene] = outcome


class Journal:
    """The journal of an output folder, locked while it is open; a context manager."""

    def __init__(self, folder: Path, task: str, shard: tuple[int, int] | None = None) -> None:
        """Read all journals of the folder and open one for writing.

        Args:
            folder: of the outputs.
            task: of the batch.
            shard: part of the batch; None: all of it.

        Raises:
            OutputError: another run writes it, or it cannot be written.
            UsageError: the folder holds maps of another task.
        """
        self._path = folder / journal_name(shard)
        with writing(self._path):
            self._file = self._open()
        try:
            known = Known.of(folder, task)
            self.outcomes, self.owned = known.outcomes, known.owned
            self.fresh = known.empty
            """Whether no batch has written to the folder yet."""
        except BaseException:
            self._close()
            raise
        self._task = task
        self._begun = False

    def planned(self, jobs: Iterable[Job]) -> None:
        """Record the files of jobs that begin, before any of them exists.

        Raises:
            OutputError: the journal cannot be written.
        """
        jobs = list(jobs)
        lines = [{"event": "planned", "scene": job.scene, "files": list(job.files)} for job in jobs]
        if lines:
            with writing(self._path):
                self._write(lines)
                os.fsync(self._file.fileno())
        self.owned.update(file for job in jobs for file in job.files)

    def add(self, outcome: Outcome) -> None:
        """Record what became of a scene.

        Raises:
            OutputError: the journal cannot be written.
        """
        self.outcomes[outcome.scene] = outcome
        with writing(self._path):
            self._write([{"event": "scene", **outcome.model_dump(mode="json")}])

    @property
    def path(self) -> Path:
        """Return the file."""
        return self._path

    def _open(self) -> IO[bytes]:
        check_regular(self._path)
        file = self._path.open("a+b")
        if CAN_LOCK and not lock(file.fileno()):
            file.close()
            raise OutputError(f"{self._path}: another batch writes to this folder; wait for it, or end it")
        return file

    def _repair(self) -> None:
        """Remove an incomplete last line."""
        size = self._file.seek(0, os.SEEK_END)
        end, step = size, 2**16
        while end > 0:
            begin = max(0, end - step)
            self._file.seek(begin)
            found = self._file.read(end - begin).rfind(b"\n")
            if found >= 0:
                end = begin + found + 1
                break
            end = begin
        if end != size:
            self._file.truncate(end)
            self._file.seek(0, os.SEEK_END)

    def _write(self, lines: Iterable[Mapping[str, Any]]) -> None:
        if not self._begun:
            self._repair()
            lines = [{"event": "begun", "task": self._task}, *lines]
            self._begun = True
        text = "".join(json.dumps(line, ensure_ascii=True, allow_nan=False) + "\n" for line in lines)
        self._file.write(text.encode("ascii"))
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with writing(self._path), self._file:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._drop_empty()

    def _close(self) -> None:
        with self._file:
            self._drop_empty()

    def _drop_empty(self) -> None:
        """Remove a journal without a line: the batch ended before its first scene, and the folder is free."""
        if not os.fstat(self._file.fileno()).st_size:
            with suppress(OSError):  # Windows keeps files that are open
                self._path.unlink()


def _parsed(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise SceneReadError(
            f"{where}: is not a valid line of a journal ({error}); remove it, or write to another folder"
        ) from error
    if not isinstance(value, dict):
        raise SceneReadError(f"{where}: is not a line of a journal; write to another folder")
    return value
