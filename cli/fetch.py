"""Download a file with limits on size and time, resume it, and check its SHA-256.

Why own code: huggingface_hub reads from its own servers only, and pooch needs requests. Neither bounds size
and time, nor refuses redirects by scheme.
"""

from __future__ import annotations

import errno
import hashlib
import math
import os
import re
import time
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from types import MappingProxyType
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import Request

from geoseg import __version__
from geoseg.errors import FetchError, ModelError, OutputError
from geoseg.files.hashes import file_sha256
from geoseg.files.network import OFFLINE, is_offline, open_gdal, plain
from geoseg.files.web import TIMEOUT_S, Deadline, is_web, web_opener, with_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from geoseg.run_record import Progress

CHUNK = 2**20

ANSWER_S = 30.0
"""Greatest time until a response begins, redirects included, seconds."""

SPEED_PERIOD_S, LEAST_BYTES = 30.0, 64 * 2**10
"""A download with fewer than LEAST_BYTES in SPEED_PERIOD_S seconds is aborted."""

DEADLINE_S = 3600.0
"""Greatest time for a download, seconds: `MAX_BYTES` at `SLOWEST`. The next run asks for the rest."""

SLOWEST = 600_000
"""Bytes per second, 5 Mbit/s, for which there is time."""

ATTEMPTS = 5
"""Most requests for one file: after a lost connection the rest is asked for, if the last request got any."""

MAX_BYTES = 2**31
"""Greatest size in bytes of a file whose size is not stated: an ONNX file has less, a protobuf message of at
most 2 GiB. External data and files of torch may be larger, and their size must be stated."""


class _LostError(FetchError):
    """The connection was lost: the rest can be asked for."""


def download(
    address: str,
    sha256: str,
    target: Path,
    progress: Progress,
    *,
    size: int | None = None,
    kept: Path | None = None,
    private: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Download a file. What is incomplete or has another hash is removed, unless it is kept.

    Args:
        address: http or https URL.
        sha256: expected SHA-256 of the file, hexadecimal.
        target: path of the new file; its folder must exist, the file must not.
        progress: called with the number of MiB done.
        size: expected size in bytes; None: unknown, at most `MAX_BYTES`.
        kept: path for an incomplete download, on the file system of the target. If the file exists, only the
            rest is asked for. None: incomplete downloads are removed.
        private: further headers of requests, which are not sent after a redirect.

    Raises:
        FetchError: the server does not respond, or the response is incomplete, malformed, too slow or of
            another size; or the program is offline.
        ModelError: the file has another SHA-256.
        OutputError: the file cannot be written.
    """
    from geoseg.files.disk import writing

    if not is_web(address):
        raise ModelError(f"{plain(address)}: weights can be downloaded by http and https only")
    if is_offline():
        raise FetchError(f"{plain(address)}: not downloaded, because `--offline` or {OFFLINE}=1 is set")
    open_gdal()
    part = kept or target
    with writing(target), part.open("x+b" if kept is None else "a+b") as file:
        if kept is not None:
            _lock(file, kept)
        transfer = _Transfer(address, file, part, size, progress, private)
        try:
            actual = transfer.run()
            if actual != sha256.lower():
                transfer.useless = True
                raise ModelError(
                    f"{address}: SHA-256 is {actual}, not {sha256.lower()} as the bundle states; the file "
                    "was removed"
                )
        except BaseException:
            if kept is None or transfer.useless or not transfer.done:
                part.unlink(missing_ok=True)
            raise
    if kept is not None:
        with writing(target):
            part.replace(target)


def has_sha256(path: Path, sha256: str) -> bool:
    """Return whether a file exists and has this SHA-256."""
    return path.is_file() and file_sha256(path) == sha256.lower()


class _Transfer:
    """One download into an open file, which may have its first bytes."""

    def __init__(
        self,
        address: str,
        file: IO[bytes],
        path: Path,
        size: int | None,
        progress: Progress,
        private: Mapping[str, str],
    ) -> None:
        self._address, self._file, self._path = address, file, path
        self._size, self._progress, self._private = size, progress, private
        self._digest = hashlib.sha256()
        self.done = 0
        self.useless = False
        """Whether what was received cannot be a beginning of the file."""

    def run(self) -> str:
        """Receive the file; return its SHA-256.

        Raises:
            FetchError: it cannot be received completely.
        """
        self._read_beginning()
        before = -1
        seconds = max(DEADLINE_S, (self._size or 0) / SLOWEST)
        with Deadline(seconds) as deadline:
            end = time.monotonic() + seconds
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    self._receive(deadline, end)
                    return self._digest.hexdigest()
                except _LostError:
                    if deadline.passed or attempt == ATTEMPTS or self.done <= before:
                        raise
                    before = self.done
        raise AssertionError("the last attempt returns or raises")

    def _read_beginning(self) -> None:
        """Hash the bytes of an earlier download; they are dropped if they are too many."""
        self._file.seek(0)
        most = MAX_BYTES if self._size is None else self._size
        while part := self._file.read(CHUNK):
            self._digest.update(part)
            self.done += len(part)
            if self.done >= most:
                self._restart()

    def _restart(self) -> None:
        """Drop what was received."""
        self._file.seek(0)
        self._file.truncate()
        self._digest, self.done = hashlib.sha256(), 0

    def _receive(self, deadline: Deadline, end: float) -> None:
        """Receive the file, or its rest, with one request.

        Raises:
            FetchError: the response is not the file, or is too slow.
            _LostError: it is incomplete.
        """
        headers = {"User-Agent": f"geoseg/{__version__}"}
        if self.done:
            headers["Range"] = f"bytes={self.done}-"
        deadline.extend(min(ANSWER_S, max(end - time.monotonic(), 0)))
        with self._errors(deadline):
            request = Request(self._address, headers=headers)  # noqa: S310 - http and https only
            with_private(request, self._private)
            answer = web_opener(deadline).open(request, timeout=TIMEOUT_S)
        # Headers that were cut off by the deadline look complete.
        late = deadline.passed
        with answer:
            if late:
                raise self._too_slow()
            total = self._total(answer)
            _check_free_space(self._path, None if total is None else total - self.done)
            self._read(answer, total, deadline, end)
        if deadline.passed:
            raise self._too_slow()
        if not self.done and self._size != 0:
            raise FetchError(f"{self._address}: the response is empty")
        if total is not None and self.done < total:
            raise _LostError(
                f"{self._address}: the download stopped after {self.done:,} of {total:,} bytes; run the "
                "command again"
            )

    def _read(self, answer: HTTPResponse, total: int | None, deadline: Deadline, end: float) -> None:
        """Append the content of a response to the file."""
        start, start_bytes = time.monotonic(), self.done
        extended = -math.inf
        most = MAX_BYTES if total is None else total
        while True:
            # A read that waits for more lines of a head or tail of chunks may go on with every byte.
            if time.monotonic() - extended > SPEED_PERIOD_S / 3:
                extended = time.monotonic()
                deadline.extend(min(SPEED_PERIOD_S, max(end - extended, 0)))
            with self._errors(deadline):
                part = answer.read1(CHUNK)
            if not part:
                return
            if self.done + len(part) > most:
                self.useless = True
                raise FetchError(f"{self._address}: the file is larger than the expected {most:,} bytes")
            self._file.write(part)
            self._digest.update(part)
            self.done += len(part)
            if total:
                self._progress(self.done // CHUNK, max(total // CHUNK, 1), "MiB")
            if time.monotonic() - start > SPEED_PERIOD_S:
                if self.done - start_bytes < LEAST_BYTES:
                    raise FetchError(
                        f"{self._address}: the download is too slow ({self.done - start_bytes} bytes in "
                        f"{SPEED_PERIOD_S:g} s); try again later"
                    )
                start, start_bytes = time.monotonic(), self.done

    def _total(self, answer: HTTPResponse) -> int | None:
        """Return the size of the whole file, or None if it is unknown; a server may send it from the start.

        Raises:
            FetchError: the response is not the file, or not the rest that was asked for.
        """
        address = self._address
        encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding != "identity":
            raise FetchError(
                f"{address}: the response has the encoding {plain(encoding)}, which was not requested"
            )
        if answer.status == 206 and self.done:
            text = answer.headers.get("Content-Range", "")
            found = re.fullmatch(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)", text.strip())
            if found is None or int(found[1]) != self.done:
                raise FetchError(
                    f"{address}: Content-Range {plain(text)!r} is not the rest after {self.done:,} bytes"
                )
            return self._checked(None if found[3] == "*" else int(found[3]))
        if answer.status != 200:
            raise FetchError(f"{address}: the server responded with status {answer.status}")
        if self.done:
            self._restart()
        text = answer.headers.get("Content-Length", "" if self._size is None else str(self._size))
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise FetchError(f"{address}: Content-Length {plain(text)!r} is not a number of bytes")
        return self._checked(int(text))

    def _checked(self, length: int | None) -> int | None:
        """Return the size that a server states, else that of the bundle."""
        if length is None:
            return self._size
        if self._size is not None and length != self._size:
            raise FetchError(
                f"{self._address}: the file has {length:,} bytes, not {self._size:,} as the bundle states "
                "(file:size)"
            )
        if self._size is None and length > MAX_BYTES:
            raise FetchError(
                f"{self._address}: the file has {length:,} bytes; the limit for weights is {MAX_BYTES:,}, "
                "unless the bundle states their size (file:size)"
            )
        return length

    def _too_slow(self) -> FetchError:
        return FetchError(
            f"{self._address}: the download took too long and was ended after {self.done:,} bytes; run the "
            "command again"
        )

    @contextmanager
    def _errors(self, deadline: Deadline) -> Iterator[None]:
        """Convert network errors to a `FetchError` that names the address."""
        address = self._address
        try:
            yield
        except HTTPError as error:
            error.close()
            if error.code == 416:
                # The server has less than what was kept: it is of another file.
                self.useless = True
            why = f"{error.code} {plain(error.reason)}"
            raise FetchError(f"{address}: cannot be downloaded: {why}") from error
        except (HTTPException, OSError, ValueError) as error:
            if deadline.passed:
                raise self._too_slow() from error
            if isinstance(error, URLError):
                raise FetchError(f"{address}: cannot be downloaded: {plain(error.reason)}") from error
            what = plain(error) or type(error).__name__
            raise _LostError(
                f"{address}: the connection was lost, or the response is not HTTP ({what})"
            ) from error


def _lock(file: IO[bytes], path: Path) -> None:
    """Lock an incomplete download until the file is closed.

    Raises:
        OutputError: another process downloads it.
    """
    try:
        import fcntl
    except ImportError:
        # Windows does not open a file for writing that another process has renamed or removed.
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        mine = False
    except OSError as error:
        if error.errno not in {errno.EWOULDBLOCK, errno.EACCES}:
            return  # a file system without locks
        mine = False
    if not mine:
        raise OutputError(f"{path}: another process downloads this file; wait for it, then run again")


def _check_free_space(target: Path, needed: int | None) -> None:
    """Raise `OSError` if the disk has fewer free bytes."""
    from geoseg.files.disk import free_bytes

    if needed is not None and free_bytes(target.parent) < needed:
        raise OSError(errno.ENOSPC, f"{needed:,} bytes of free space are needed")
