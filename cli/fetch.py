"""Fetch a file by address and SHA-256: bounded, checked, and whole or not at all."""

from __future__ import annotations

import hashlib
import time
from contextlib import contextmanager
from http.client import HTTPException, HTTPMessage, HTTPResponse
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from geoseg import __version__
from geoseg.bundles.pulled import is_remote
from geoseg.errors import FetchError, ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from geoseg.run_record import Progress

CHUNK = 2**20
TIMEOUT_S = 30.0
"""Longest silence."""

WATCHED_S, LEAST = 60.0, 64 * 2**10
"""Fewer bytes than these in so many seconds are too few to wait for."""

CEILING = 2**31
"""Most bytes of weights: an ONNX file is a protobuf message, which holds at most 2 GiB."""


class _WebOnly(HTTPRedirectHandler):
    """Follows redirects to http and https."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Return the request to follow, and refuse other schemes."""
        if not is_remote(newurl):
            fp.close()
            raise FetchError(
                f"{req.full_url}: redirects to {_plain(newurl)}; only http and https are followed"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(address: str, sha256: str, target: Path, progress: Progress, *, size: int | None = None) -> None:
    """Fetch a file; a part of it never stays.

    Args:
        address: http or https.
        sha256: of the file, hexadecimal; another hash is refused.
        target: where to; no file may be there, and its folder must.
        progress: is told how far it is.
        size: of the file in bytes, where it is known; else at most `CEILING` are taken.

    Raises:
        FetchError: nobody answers, or the answer breaks off, is malformed, or has another size.
        ModelError: what it gives has another hash.
        OutputError: the file cannot be written.
    """
    from geoseg.files.disk import writing

    if not is_remote(address):
        raise ModelError(f"{_plain(address)}: weights are fetched by http or https only")
    with writing(target), target.open("xb") as file:
        try:
            found = _stream(address, file, target, size, progress)
            said = sha256.lower()
            if found != said:
                raise ModelError(
                    f"{address}: SHA-256 is {found}, not {said} as the bundle says; nothing was kept"
                )
        except BaseException:
            target.unlink(missing_ok=True)
            raise


def is_whole(path: Path, sha256: str) -> bool:
    """Whether a file is there and has this SHA-256."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256.lower()


def _stream(address: str, file: IO[bytes], target: Path, size: int | None, progress: Progress) -> str:
    """Copy what an address gives into an open file; return its SHA-256."""
    digest, done = hashlib.sha256(), 0
    with _telling(address):
        answer = _opener().open(
            Request(address, headers={"User-Agent": f"geoseg/{__version__}"}),  # noqa: S310 - http only
            timeout=TIMEOUT_S,
        )
    with answer:
        total = _announced(address, answer, size)
        _check_room(target, total)
        mark, marked = time.monotonic(), 0
        while True:
            with _telling(address):
                part = answer.read1(CHUNK)
            if not part:
                break
            done += len(part)
            most = CEILING if total is None else total
            if done > most:
                raise FetchError(f"{address}: gives more than the {most:,} bytes that it may")
            digest.update(part)
            file.write(part)
            if total:
                progress(done // CHUNK, max(total // CHUNK, 1), "MiB")
            if time.monotonic() - mark > WATCHED_S:
                if done - marked < LEAST:
                    raise FetchError(f"{address}: gives {done - marked} bytes a minute, too few; try later")
                mark, marked = time.monotonic(), done
    if total is not None and done < total:
        raise FetchError(f"{address}: broke off after {done:,} of {total:,} bytes; pull again")
    return digest.hexdigest()


def _opener() -> OpenerDirector:
    """Return what opens http and https, and nothing else: no files, no FTP, no data."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(), HTTPHandler(), HTTPSHandler(), HTTPDefaultErrorHandler(), _WebOnly(),
        HTTPErrorProcessor(), UnknownHandler(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener


def _announced(address: str, answer: HTTPResponse, size: int | None) -> int | None:
    """Return how many bytes will come, where that is known.

    Raises:
        FetchError: the answer is no file of the size wanted.
    """
    if answer.status != 200:
        raise FetchError(f"{address}: answered with status {answer.status}, not with the file")
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding != "identity":
        raise FetchError(f"{address}: answers in the encoding {_plain(encoding)}, which was not asked for")
    text = answer.headers.get("Content-Length", "" if size is None else str(size))
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise FetchError(f"{address}: Content-Length {_plain(text)!r} is no number of bytes")
    length = int(text)
    if size is not None and length != size:
        raise FetchError(f"{address}: holds {length:,} bytes, not {size:,} as the bundle says (file:size)")
    if length > CEILING:
        raise FetchError(f"{address}: holds {length:,} bytes; weights of more than {CEILING:,} are not taken")
    return length


def _check_room(target: Path, total: int | None) -> None:
    """Raise `OSError` where the disk has not so many bytes."""
    import errno

    from geoseg.files.disk import free_bytes

    if total is not None and free_bytes(target.parent) < total:
        raise OSError(errno.ENOSPC, f"{total:,} bytes are needed")


@contextmanager
def _telling(address: str) -> Iterator[None]:
    """Turn what can go wrong with an address into a `FetchError` that names it."""
    try:
        yield
    except FetchError:
        raise
    except HTTPError as error:
        error.close()
        raise FetchError(f"{address}: cannot be fetched: {error.code} {_plain(error.reason)}") from error
    except URLError as error:
        raise FetchError(f"{address}: cannot be fetched: {_plain(error.reason)}") from error
    except (HTTPException, OSError, ValueError) as error:
        what = _plain(error) or type(error).__name__
        raise FetchError(f"{address}: broke off, or gave no answer of a web server ({what})") from error


def _plain(text: object) -> str:
    """Return what a server wrote as one line that no terminal takes for a command."""
    line = " ".join(str(text).split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:200]
