"""Download a file with limits on size and time, and check its SHA-256."""

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
"""Greatest time without data, seconds."""

SPEED_PERIOD_S, LEAST_BYTES = 60.0, 64 * 2**10
"""A download with fewer than LEAST_BYTES in SPEED_PERIOD_S seconds is aborted."""

MAX_BYTES = 2**31
"""Greatest size of weights in bytes: an ONNX file is a protobuf message, of at most 2 GiB."""


class _WebOnly(HTTPRedirectHandler):
    """Follows redirects to http and https only."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Return the redirected request; raise an error for other schemes."""
        if not is_remote(newurl):
            fp.close()
            raise FetchError(
                f"{req.full_url}: redirects to {_plain(newurl)}; only http and https are allowed"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(address: str, sha256: str, target: Path, progress: Progress, *, size: int | None = None) -> None:
    """Download a file. A partly downloaded file is removed.

    Args:
        address: http or https URL.
        sha256: expected SHA-256 of the file, hexadecimal.
        target: path of the new file; its folder must exist, the file must not.
        progress: called with the number of MiB done.
        size: expected size in bytes; None: unknown, at most `MAX_BYTES`.

    Raises:
        FetchError: the server does not respond, or the response is incomplete, malformed or of another size.
        ModelError: the file has another SHA-256.
        OutputError: the file cannot be written.
    """
    from geoseg.files.disk import writing

    if not is_remote(address):
        raise ModelError(f"{_plain(address)}: weights can be downloaded by http and https only")
    with writing(target), target.open("xb") as file:
        try:
            actual = _stream(address, file, target, size, progress)
            expected = sha256.lower()
            if actual != expected:
                raise ModelError(
                    f"{address}: SHA-256 is {actual}, not {expected} as the bundle states; the file was "
                    f"removed"
                )
        except BaseException:
            target.unlink(missing_ok=True)
            raise


def has_sha256(path: Path, sha256: str) -> bool:
    """Return whether a file exists and has this SHA-256."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256.lower()


def _stream(address: str, file: IO[bytes], target: Path, size: int | None, progress: Progress) -> str:
    """Download an address into an open file; return its SHA-256."""
    digest, done = hashlib.sha256(), 0
    with _fetch_errors(address):
        answer = _opener().open(
            Request(address, headers={"User-Agent": f"geoseg/{__version__}"}),  # noqa: S310 - http only
            timeout=TIMEOUT_S,
        )
    with answer:
        total = _content_length(address, answer, size)
        _check_free_space(target, total)
        start, start_bytes = time.monotonic(), 0
        while True:
            with _fetch_errors(address):
                part = answer.read1(CHUNK)
            if not part:
                break
            done += len(part)
            most = MAX_BYTES if total is None else total
            if done > most:
                raise FetchError(f"{address}: the file is larger than the expected {most:,} bytes")
            digest.update(part)
            file.write(part)
            if total:
                progress(done // CHUNK, max(total // CHUNK, 1), "MiB")
            if time.monotonic() - start > SPEED_PERIOD_S:
                if done - start_bytes < LEAST_BYTES:
                    raise FetchError(
                        f"{address}: the download is too slow ({done - start_bytes} bytes in a minute); try "
                        f"again later"
                    )
                start, start_bytes = time.monotonic(), done
    if total is not None and done < total:
        raise FetchError(
            f"{address}: the download stopped after {done:,} of {total:,} bytes; run the command again"
        )
    return digest.hexdigest()


def _opener() -> OpenerDirector:
    """Return a URL opener for http and https only: no file, ftp or data URLs."""
    opener = OpenerDirector()
    for handler in (
        ProxyHandler(), HTTPHandler(), HTTPSHandler(), HTTPDefaultErrorHandler(), _WebOnly(),
        HTTPErrorProcessor(), UnknownHandler(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener


def _content_length(address: str, answer: HTTPResponse, size: int | None) -> int | None:
    """Return the number of bytes of a response, or None if it is unknown.

    Raises:
        FetchError: the response is not a file of the expected size.
    """
    if answer.status != 200:
        raise FetchError(f"{address}: the server responded with status {answer.status}")
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding != "identity":
        raise FetchError(
            f"{address}: the server responded with the encoding {_plain(encoding)}, which was not requested"
        )
    text = answer.headers.get("Content-Length", "" if size is None else str(size))
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise FetchError(f"{address}: Content-Length {_plain(text)!r} is not a number of bytes")
    length = int(text)
    if size is not None and length != size:
        raise FetchError(
            f"{address}: the file has {length:,} bytes, not {size:,} as the bundle states (file:size)"
        )
    if length > MAX_BYTES:
        raise FetchError(f"{address}: the file has {length:,} bytes; the limit for weights is {MAX_BYTES:,}")
    return length


def _check_free_space(target: Path, total: int | None) -> None:
    """Raise `OSError` if the disk has fewer free bytes."""
    import errno

    from geoseg.files.disk import free_bytes

    if total is not None and free_bytes(target.parent) < total:
        raise OSError(errno.ENOSPC, f"{total:,} bytes of free space are needed")


@contextmanager
def _fetch_errors(address: str) -> Iterator[None]:
    """Convert network errors to a `FetchError` that names the address."""
    try:
        yield
    except FetchError:
        raise
    except HTTPError as error:
        error.close()
        raise FetchError(f"{address}: cannot be downloaded: {error.code} {_plain(error.reason)}") from error
    except URLError as error:
        raise FetchError(f"{address}: cannot be downloaded: {_plain(error.reason)}") from error
    except (HTTPException, OSError, ValueError) as error:
        what = _plain(error) or type(error).__name__
        raise FetchError(
            f"{address}: the connection was lost, or the response is not HTTP ({what})"
        ) from error


def _plain(text: object) -> str:
    """Return a text from a server as one printable line without control characters."""
    line = " ".join(str(text).split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:200]
