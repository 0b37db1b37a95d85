"""Engines on disk: built once for a model, a device and a way to run, and never half there.

An engine is good only for the version of TensorRT, the kind of GPU and the options that it was built with:
all of them are its key. Whatever part of a key changes, another engine is looked for. Two processes that want
the same one at once build it once: the second waits for the lock and then reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from geoseg import __version__
from geoseg.errors import OutputError
from geoseg.runtimes.lock import locked

Loaded = TypeVar("Loaded")

CACHE = "GEOSEG_CACHE"
"""Names the folder of engines; else `$XDG_CACHE_HOME/geoseg/engines`, else `~/.cache/geoseg/engines`."""

FORMAT = 1
"""Of the key and the record; another one makes other engines."""

_RECORD = TypeAdapter(dict[str, JsonValue])


def engine_folder() -> Path:
    """Return the folder of built engines, which need not be there yet."""
    own = os.environ.get(CACHE)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(own) if own else Path(cache) / "geoseg" / "engines"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineKey:
    """All that an engine depends on."""

    model: str
    """Name, for people; the content counts, not the name."""
    sha256: str
    """Of the ONNX file."""
    tensorrt: str
    """Its version."""
    gpu: str
    """Name of the device."""
    capability: tuple[int, int]
    """Compute capability of the device."""
    precision: str
    profile: tuple[int, int, int]
    """Least, usual and most tiles a call."""
    tile: int
    """Pixels a side."""

    @property
    def digest(self) -> str:
        """SHA-256 of all but the name."""
        table = {**asdict(self), "format": FORMAT}
        del table["model"]
        return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()

    @property
    def stem(self) -> str:
        """Name of its files without suffix: readable first, the digest last."""
        words = (self.model, self.gpu, self.precision, f"{self.profile[2]}x{self.tile}")
        readable = "-".join(re.sub(r"[^A-Za-z0-9.]+", "_", word).strip("_") for word in words)
        return f"{readable}-{self.digest[:16]}"


class EngineStore:
    """The engines of a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use a folder; None: the user's."""
        self.folder = folder or engine_folder()

    def engine(self, key: EngineKey) -> Path:
        """Where the engine of a key lies, or would."""
        return self.folder / f"{key.stem}.engine"

    def record_of(self, key: EngineKey) -> dict[str, JsonValue] | None:
        """Return what is written beside an engine; None where there is none, or it is of another key."""
        try:
            found = _RECORD.validate_json(self.engine(key).with_suffix(".json").read_bytes())
        except (OSError, ValidationError):
            return None
        return found if found.get("digest") == key.digest else None

    def open(
        self,
        key: EngineKey,
        load: Callable[[bytes], Loaded | None],
        build: Callable[[], tuple[bytes, dict[str, JsonValue]]],
        tell: Callable[[str], None],
    ) -> tuple[Loaded, dict[str, JsonValue]]:
        """Load an engine, building it first where there is none that can be loaded.

        Args:
            key: of the engine.
            load: bytes to an engine; None where they cannot be loaded, and the engine is built anew.
            build: gives the bytes, and what else is to be recorded.
            tell: hears of a build before it begins, and of its end.

        Returns:
            The engine, and its record.

        Raises:
            OutputError: the folder cannot be written.
        """
        found = self._read(key, load)
        if found is not None:
            return found
        with self._lock(key, tell):
            # Another process may have built it while this one waited.
            found = self._read(key, load)
            if found is not None:
                return found
            tell(f"building an engine for {key.model} on {key.gpu} in {key.precision}: minutes, once")
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
                raise OutputError(f"{self.engine(key)}: the engine just built cannot be loaded; report this")
            self._write(key, content, record)
            tell(f"engine built in {seconds:.0f} s and kept as {self.engine(key)}")
            return loaded, record

    def amend(self, key: EngineKey, more: dict[str, JsonValue]) -> None:
        """Add to the record of an engine that is there.

        Raises:
            OutputError: it cannot be written.
        """
        with self._lock(key, lambda _: None):
            record = self.record_of(key)
            if record is not None:
                self._put(
                    self.engine(key).with_suffix(".json"), json.dumps({**record, **more}, indent=1).encode()
                )

    def remove(self, key: EngineKey) -> None:
        """Remove an engine and its record, where they are."""
        for path in (self.engine(key), self.engine(key).with_suffix(".json")):
            path.unlink(missing_ok=True)

    def _read(
        self, key: EngineKey, load: Callable[[bytes], Loaded | None]
    ) -> tuple[Loaded, dict[str, JsonValue]] | None:
        """An engine that is whole, of this very key, and loads."""
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
        """The engine first: without its record it counts for nothing. What a killed process left goes."""
        for stale in self.folder.glob(f".{key.stem}*"):
            stale.unlink(missing_ok=True)
        self.engine(key).with_suffix(".json").unlink(missing_ok=True)
        self._put(self.engine(key), content)
        self._put(self.engine(key).with_suffix(".json"), json.dumps(record, indent=1).encode())

    def _put(self, path: Path, content: bytes) -> None:
        """Write beside, then rename: a reader sees the old file or the new one, never a part."""
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error

    def _lock(self, key: EngineKey, tell: Callable[[str], None]) -> locked:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{self.folder}: cannot be made: {error.strerror}; name another folder with {CACHE}"
            ) from error
        path = self.folder / f"{key.stem}.lock"
        return locked(path, lambda: tell(f"waiting for another process that builds {key.stem}"))
