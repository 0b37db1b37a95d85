"""One file of the Hugging Face hub: on this machine, or at an address with its size and SHA-256.

The hub's protocol: huggingface.co/docs/hub/api, and the headers of `resolve` (X-Repo-Commit, X-Linked-Etag,
X-Linked-Size, X-Error-Code) as huggingface_hub 1.0 reads them. Why own code: decision 0041.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request

from geoseg.errors import FetchError, ModelError
from geoseg.files.hashes import file_sha256
from geoseg.files.network import OFFLINE, is_offline, plain, service_address
from geoseg.files.web import read_head
from geoseg.messages import note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from email.message import Message

LOG = logging.getLogger(__name__)

HUB = "https://huggingface.co"
"""Address of the hub, unless HF_ENDPOINT names a mirror."""

MIRROR = "GEOSEG_HUB_MIRROR"
"""Environment variable: a folder with copies of repositories, OWNER/NAME/FILE."""

SCHEME = "hub:"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NO_HEAD = frozenset({405, 501})
"""Status codes of plain file servers that answer no HEAD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file of the hub."""

    address: str
    """Of one commit, where the server states it."""
    sha256: str
    size: int | None
    commit: str
    """Empty: the server does not state it."""


def repository_of(url: str) -> tuple[str, str]:
    """Return repository and file of `hub:OWNER/NAME/FILE`."""
    owner, name, file = url.removeprefix(SCHEME).split("/", 2)
    return f"{owner}/{name}", file


def endpoint() -> str:
    """Return the address of the hub, or of its mirror.

    Raises:
        UsageError: HF_ENDPOINT is not an address.
    """
    return service_address("HF_ENDPOINT", HUB)


def credentials(address: str) -> dict[str, str]:
    """Return the header with HF_TOKEN for an address of the hub; it is not sent elsewhere or unencrypted."""
    token = os.environ.get("HF_TOKEN", "").strip()
    parts, hub = urlsplit(address), urlsplit(endpoint())
    safe = parts.scheme == "https" or parts.hostname in _LOOPBACK
    if not token or not safe or (parts.scheme, parts.netloc) != (hub.scheme, hub.netloc):
        return {}
    return {"Authorization": f"Bearer {token}"}


def is_cut_off() -> bool:
    """Return whether geoseg or the hub's libraries are offline."""
    return is_offline() or os.environ.get("HF_HUB_OFFLINE", "").strip().lower() in {"1", "on", "yes", "true"}


def check_online(name: str) -> None:
    """Check that the hub may be asked.

    Raises:
        FetchError: geoseg or the hub's libraries are offline.
    """
    if is_cut_off():
        why = f"`--offline` or {OFFLINE}=1" if is_offline() else "HF_HUB_OFFLINE=1"
        raise FetchError(
            f"{name}: not downloaded, because {why} is set; it is neither in the folder {MIRROR} nor in the "
            "cache of huggingface_hub: give the file by `--weights FILE`"
        )


def local_folder(repository: str) -> Path | None:
    """Return the copy of a repository on this machine: in the mirror's folder; offline, also in the cache."""
    mirror = _mirror()
    if mirror is not None and (mirror / repository).is_dir():
        return mirror / repository
    if not is_cut_off():
        return None
    folder = _cache() / f"models--{repository.replace('/', '--')}"
    try:
        found = folder / "snapshots" / (folder / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return found if found.is_dir() else None


def _mirror() -> Path | None:
    """Return the folder of copies; None: there is none."""
    folder = os.environ.get(MIRROR)
    if folder and not Path(folder).is_dir():
        note(LOG, f"{MIRROR} names {folder}, which is no folder")
    return Path(folder) if folder else None


def local_copy(url: str, sha256: str) -> Path | None:
    """Return a file of the hub on this machine: of the mirror's folder, or of huggingface_hub's cache.

    Args:
        url: `hub:OWNER/NAME/FILE`.
        sha256: of the file; empty: unknown.

    Raises:
        ModelError: the file in the mirror's folder has another SHA-256.
    """
    repository, file = repository_of(url)
    folder = _mirror()
    mirrored = None if folder is None else folder / repository / file
    if mirrored is not None and mirrored.is_file():
        if sha256 and (found := file_sha256(mirrored)) != sha256:
            raise ModelError(
                f"{mirrored}: its SHA-256 is {found}, not {sha256}: it is another file, or broken"
            )
        return mirrored
    for path in _cached(repository, file, sha256):
        known = sha256 or path.resolve().name
        if not _SHA256.fullmatch(known) or file_sha256(path) == known:
            note(LOG, f"{path}: used from the cache of huggingface_hub")
            return path
    return None


def _cache() -> Path:
    """Return the folder where huggingface_hub keeps files."""
    home = os.environ.get("HF_HOME") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface"
    )
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")


def _cached(repository: str, file: str, sha256: str) -> Iterator[Path]:
    """Yield where huggingface_hub has stored a file: on branch main; if its hash is known, in any commit."""
    folder = _cache() / f"models--{repository.replace('/', '--')}"
    snapshots = folder / "snapshots"
    try:
        main = (folder / "refs" / "main").read_text(encoding="ascii").strip()
        commits = sorted(item.name for item in snapshots.iterdir())
    except (OSError, ValueError):
        return
    for commit in commits if sha256 else [name for name in commits if name == main]:
        path = snapshots / commit / file
        blob = path.resolve().name
        if path.is_file() and not (sha256 and _SHA256.fullmatch(blob) and blob != sha256):
            yield path


def remote_file(url: str, sha256: str, size: int | None) -> HubFile:
    """Ask the hub for a file.

    Args:
        url: `hub:OWNER/NAME/FILE`.
        sha256: expected; empty: what the hub states is believed.
        size: expected bytes; None: unknown.

    Raises:
        FetchError: offline; or the hub does not answer, or has no such file for this account.
        ModelError: it has another file, or no SHA-256 of it is known.
    """
    repository, file = repository_of(url)
    check_online(f"{SCHEME}{repository}/{file}")
    address = f"{endpoint()}/{repository}/resolve/main/{quote(file)}"
    headers = _head(address, repository, file)
    etag = (headers.get("X-Linked-Etag") or headers.get("ETag") or "").strip().removeprefix("W/").strip('"')
    stated = etag if _SHA256.fullmatch(etag) else ""
    if stated and sha256 and stated != sha256:
        raise ModelError(
            f"{SCHEME}{repository}: the hub has another {file} (SHA-256 {stated}) than the one that geoseg "
            f"knows ({sha256}); not downloaded. Give that file by `--weights FILE`"
        )
    if not (stated or sha256):
        raise ModelError(
            f"{SCHEME}{repository}: no SHA-256 of {file} is known, and weights that cannot be checked are "
            "not downloaded; fetch the file yourself and give it by `--weights FILE`"
        )
    length = (headers.get("X-Linked-Size") or "").strip()
    commit = (headers.get("X-Repo-Commit") or "").strip()
    if re.fullmatch("[0-9a-f]{7,64}", commit):
        address = f"{endpoint()}/{repository}/resolve/{commit}/{quote(file)}"
    else:
        commit = ""
    known = int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None
    return HubFile(address=address, sha256=sha256 or stated, size=size or known, commit=commit)


def _head(address: str, repository: str, file: str) -> Message | Mapping[str, str]:
    """Return the headers of a file; empty of a server that has none."""
    try:
        return read_head(Request(address, method="HEAD"), credentials(address))  # noqa: S310 - http(s) only
    except HTTPError as error:
        error.close()
        if error.code in _NO_HEAD:
            return {}
        raise refusal(error, repository, file) from error
    except URLError as error:
        raise FetchError(f"{plain(address)}: cannot be reached: {plain(error.reason)}") from error


def refusal(error: HTTPError, repository: str, file: str) -> FetchError:
    """Return what a refused request means, and what to do."""
    code = error.headers.get("X-Error-Code", "") if error.headers else ""
    page, token = f"{endpoint()}/{repository}", bool(os.environ.get("HF_TOKEN", "").strip())
    where = f"{SCHEME}{repository}"
    if code == "GatedRepo":
        account = "the account of HF_TOKEN" if token else "an account"
        then = "" if token else ", then set HF_TOKEN to a token of that account"
        return FetchError(
            f"{where}: the model is gated: with {account}, accept its conditions at {page}{then}; or "
            f"download {file} there and give it by `--weights FILE`"
        )
    if code in {"EntryNotFound", "RevisionNotFound"} or (error.code == 404 and code != "RepoNotFound"):
        return FetchError(f"{where}: has no file {file} ({error.code}); see {page}")
    if code == "RepoNotFound" or error.code in {401, 403}:
        why = "the account of HF_TOKEN may not read it" if token else "it is private: set HF_TOKEN"
        return FetchError(f"{where}: does not exist, or {why} ({error.code}); see {page}")
    return FetchError(f"{where}: the hub refuses {file}: {error.code} {plain(error.reason)}; try again later")
