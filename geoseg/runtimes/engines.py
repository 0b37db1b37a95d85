"""Cache of TensorRT engines on disk: each engine is built once and written completely or not at all.

An engine is valid only for the version of TensorRT, the type of GPU and the options that it was built with.
These form its key; another key is another engine. If two processes need the same engine, the second one waits
for the lock and then reads it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from geoseg import __version__
from geoseg.errors import OutputError
from geoseg.files.locks import locked
from geoseg.files.user_cache import user_cache

Loaded = TypeVar("Loaded")

CACHE = "GEOSEG_CACHE"
"""Environment variable with the folder of engines; default `$XDG_CACHE_HOME/geoseg/engines`, else
`~/.cache/geoseg/engines`."""

FORMAT = 1
"""Version of the key and the record; a new version invalidates all engines."""

_RECORD = TypeAdapter(dict[str, JsonValue])


def cache_folder(name: str) -> Path:
    """Return a folder that may not exist: in `$GEOSEG_CACHE`, else in the user's cache."""
    folder = os.environ.get(CACHE)
    return (Path(folder) if folder else user_cache()) / name


def engine_folder() -> Path:
    """Return the folder of built engines, which may not exist yet."""
    folder = os.environ.get(CACHE)
    return Path(folder) if folder else user_cache() / "engines"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKey:
    """All properties that an engine depends on."""

    model: str
    """Name for display; only the content identifies the model."""
    sha256: str
    """SHA-256 of the ONNX file."""
    tensorrt: str
    """Version of TensorRT."""
    gpu: str
    """Name of the device."""
    capability: tuple[int, int]
    """Compute capability of the device."""
    precision: str
    profile: tuple[int, int, int]
    """Smallest, usual and largest number of tiles per call."""
    tile: int
    """Side of a tile in pixels."""

    @property
    def digest(self) -> str:
        """SHA-256 of all fields but the name of the model."""
        table = {**asdict(self), "format": FORMAT}
        del table["model"]
        return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()

    @property
    def stem(self) -> str:
        """Name of the files without suffix: readable fields, then the digest."""
        words = (self.model, self.gpu, self.precision, f"{self.profile[2]}x{self.tile}")
        readable = "-".join(re.sub(r"[^A-Za-z0-9.]+", "_", word).strip("_") for word in words)
        return f"{readable}-{self.digest[:16]}"


class EngineStore:
    """The engines in a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use a folder; None: `engine_folder()`."""
        self.folder = folder or engine_folder()

    def engine(self, key: EngineKey) -> Path:
        """Return the path of the engine of a key; the file may not exist."""
        return self.folder / f"{key.stem}.engine"

    def record_of(self, key: EngineKey) -> dict[str, JsonValue] | None:
        """Return the record of an engine; None if there is none, or it belongs to another key."""
        try:
            record = _RECORD.validate_json(self.engine(key).with_suffix(".json").read_bytes())
        except (OSError, ValidationError):
            return None
        return record if record.get("digest") == key.digest else None

    def open(
        self,
        key: EngineKey,
        load: Callable[[bytes], Loaded | None],
        build: Callable[[], tuple[bytes, dict[str, JsonValue]]],
        report: Callable[[str], None],
    ) -> tuple[Loaded, dict[str, JsonValue]]:
        """Load an engine; build it first if no valid engine is stored.

        Args:
            key: key of the engine.
            load: loads an engine from bytes; returns None if they cannot be loaded, and the engine is
                rebuilt.
            build: returns the bytes of an engine and further entries of its record.
            report: called with a message before and after a build.

        Returns:
            The engine and its record.

        Raises:
            OutputError: the folder cannot be written.
        """
        stored = self._read(key, load)
        if stored is not None:
            return stored
        with self._lock(key, report):
            # Another process may have built the engine while this one waited.
            stored = self._read(key, load)
            if stored is not None:
                return stored
            report(
                f"building a TensorRT engine for {key.model} on {key.gpu} in {key.precision}; this "
                "takes minutes, "
                "once"
            )
            begun = time.monotonic()
            content, more = build()
            seconds = round(time.monotonic() - begun, 1)
            record: dict[str, JsonValue] = {
                **TypeAdapter(dict[str, JsonValue]).validate_python(json.loads(json.dumps(asdict(key)))),
                "digest": key.digest,
                "engine_sha256": hashlib.sha256(content).hexdigest(),
                "geoseg": __version__,
                "build_seconds": seconds,
                **more,
            }
            loaded = load(content)
            if loaded is None:
                raise OutputError(f"{self.engine(key)}: the new engine cannot be loaded; report this error")
            self._write(key, content, record)
            report(f"engine built in {seconds:.0f} s and stored as {self.engine(key)}")
            return loaded, record

    def amend(self, key: EngineKey, more: dict[str, JsonValue]) -> None:
        """Add entries to the record of a stored engine.

        Raises:
            OutputError: the record cannot be written.
        """
        with self._lock(key, lambda _: None):
            record = self.record_of(key)
            if record is not None:
                self._put(
                    self.engine(key).with_suffix(".json"), json.dumps({**record, **more}, indent=1).encode()
                )

    def remove(self, key: EngineKey) -> None:
        """Remove an engine and its record, if they exist."""
        for path in (self.engine(key), self.engine(key).with_suffix(".json")):
            path.unlink(missing_ok=True)

    def _read(
        self, key: EngineKey, load: Callable[[bytes], Loaded | None]
    ) -> tuple[Loaded, dict[str, JsonValue]] | None:
        """Return a stored engine and its record if it is complete, has this key and loads."""
        record = self.record_of(key)
        if record is None:
            return None
        try:
            content = self.engine(key).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() != record.get("engine_sha256"):
            return None
        loaded = load(content)
        return None if loaded is None else (loaded, record)

    def _write(self, key: EngineKey, content: bytes, record: dict[str, JsonValue]) -> None:
        """Write the engine, then its record, which makes it valid; remove leftovers of killed processes."""
        for stale in self.folder.glob(f".{key.stem}*"):
            stale.unlink(missing_ok=True)
        self.engine(key).with_suffix(".json").unlink(missing_ok=True)
        self._put(self.engine(key), content)
        self._put(self.engine(key).with_suffix(".json"), json.dumps(record, indent=1).encode())

    def _put(self, path: Path, content: bytes) -> None:
        """Write a temporary file, then rename it: a reader gets the old or the new file, never a part."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error

    def _lock(self, key: EngineKey, report: Callable[[str], None]) -> AbstractContextManager[None]:
        """Return the lock of an engine between processes."""
        return locked(
            self.folder / f"{key.stem}.lock",
            lambda: report(f"waiting for another process that builds {key.stem}"),
            f"set another folder in {CACHE}",
        )
