"""Fetch a file by address and SHA-256: written beside, checked, then renamed."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from geoseg import __version__
from geoseg.errors import ModelError, OutputError

if TYPE_CHECKING:
    from geoseg.report import Reporter

CHUNK = 2**20
TIMEOUT_S = 30.0


def fetch(address: str, sha256: str, target: Path, reporter: Reporter) -> None:
    """Fetch a file unless it is there already.

    Args:
        address: http or https.
        sha256: of the file, hexadecimal; another hash is refused.
        target: where to; its folder is made.
        reporter: hears of progress in MiB.

    Raises:
        ModelError: the address cannot be read, or what it gives has another hash.
        OutputError: the file cannot be written.
    """
    if urlsplit(address).scheme not in {"http", "https"}:
        raise ModelError(f"{address}: weights are fetched by http or https only")
    if target.is_file() and _hash(target) == sha256.lower():
        reporter.note(f"{target} is there already, and whole")
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror}") from error
    try:
        found = _stream(address, handle, reporter)
        if found != sha256.lower():
            raise ModelError(
                f"{address}: SHA-256 is {found}, not {sha256.lower()} as the bundle says; nothing was kept"
            )
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


def _stream(address: str, handle: int, reporter: Reporter) -> str:
    """Copy what an address gives into an open file; return its SHA-256."""
    digest, done = hashlib.sha256(), 0
    request = Request(address, headers={"User-Agent": f"geoseg/{__version__}"})  # noqa: S310 - http only
    with os.fdopen(handle, "wb") as file:
        try:
            with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http only
                total = int(answer.headers.get("Content-Length") or 0)
                while part := answer.read(CHUNK):
                    digest.update(part)
                    done += len(part)
                    file.write(part)
                    if total:
                        reporter.progress(done // CHUNK, max(total // CHUNK, 1), "MiB")
        except URLError as error:
            raise ModelError(f"{address}: cannot be fetched: {error.reason}") from error
        except (TimeoutError, ConnectionError) as error:
            raise ModelError(f"{address}: broke off after {done} bytes: {error}; pull again") from error
        except OSError as error:
            raise OutputError(f"weights cannot be written: {error.strerror or error}") from error
    if done < total:
        raise ModelError(f"{address}: broke off after {done} of {total} bytes; pull again")
    return digest.hexdigest()


def _hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
