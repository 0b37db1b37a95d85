"""Networks of the Hugging Face hub: list the files of a repository and download those of one network."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geoseg.bundles.external_data import external_names
from geoseg.bundles.installed import user_folder
from geoseg.bundles.pulled import is_plain
from geoseg.bundles.stated_facts import Facts
from geoseg.errors import FetchError, ModelError, UsageError
from geoseg.files.network import plain
from geoseg.files.web import read_web, with_private
from geoseg.messages import note

from .hub_files import check_online, credentials, endpoint, local_folder
from .pull import fetch_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from geoseg.run_record import Progress

LOG = logging.getLogger(__name__)

PREFIX = "hf:"
CONFIGS = ("config.json", "preprocessor_config.json")
MOST_FILES = 10_000
"""Files of a copy that are looked at."""
MOST_TEXT = 2**20
"""Most bytes of a config."""


class _Lfs(BaseModel):
    model_config = ConfigDict(extra="ignore")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(ge=0)


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")
    rfilename: str
    lfs: _Lfs | None = None


class _Repository(BaseModel):
    """Answer of `/api/models/ORG/NAME?blobs=true` (huggingface.co/docs/hub/api)."""

    model_config = ConfigDict(extra="ignore")
    sha: str = Field(pattern="^[0-9a-f]{7,64}$")
    """The commit that the files are of."""
    siblings: list[_File]
    tags: list[str] = []


@dataclass(frozen=True, kw_only=True)
class HubNetwork:
    """A downloaded network."""

    weights: Path
    configs: tuple[Path, ...]
    """Descriptions of the repository, for `--from`."""
    facts: Facts
    address: str
    """Repository, commit and file, for people."""


@contextmanager
def hub_network(name: str, progress: Progress) -> Iterator[HubNetwork]:
    """Yield a network of the hub: of a copy on this machine, else in a folder that exists within the context.

    Args:
        name: `hf:ORG/NAME`, or `hf:ORG/NAME/FILE.onnx`.
        progress: called with the number of MiB done.

    Raises:
        UsageError: the name has another form, or the repository has several networks.
        ModelError: the repository has no network, or no SHA-256 of it.
        FetchError: the hub does not answer, or geoseg is offline.
    """
    from geoseg.files.disk import writing
    from geoseg.files.scratch import scratch_folder

    parts = name.removeprefix(PREFIX).split("/")
    if len(parts) < 2 or not all(map(is_plain, parts)):
        raise UsageError(f"{name}: is not hf:ORG/NAME or hf:ORG/NAME/FILE.onnx")
    repository, wanted = "/".join(parts[:2]), "/".join(parts[2:])
    local = local_folder(repository)
    copies = _files(local) if local is not None else []
    if local is not None and any(map(_is_network, copies)):
        yield _copied(repository, wanted, local, copies)
        return
    check_online(name)
    listed = _repository(repository)
    files = {item.rfilename: item.lfs for item in listed.siblings}
    chosen = _choose(repository, list(files), wanted)
    home = user_folder()
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
    with scratch_folder(home) as folder:
        weights = folder / PurePosixPath(chosen).name

        def fetch(file: str, target: Path) -> None:
            known = files.get(file)
            if known is None:
                raise ModelError(
                    f"{PREFIX}{repository}: the hub states no SHA-256 of {file}; download it yourself and "
                    "name the file"
                )
            address = _address(repository, listed.sha, file)
            fetch_weights(
                address,
                known.sha256,
                target,
                progress,
                size=known.size,
                home=home,
                private=credentials(address),
            )

        fetch(chosen, weights)
        for data in external_names(weights):
            if not is_plain(data):
                raise ModelError(f"{PREFIX}{repository}: {chosen} has external data in a folder: {data}")
            fetch(str(PurePosixPath(chosen).parent / data), weights.with_name(data))
        yield HubNetwork(
            weights=weights,
            configs=tuple(_configs(repository, listed, chosen, folder)),
            facts=Facts(origin=f"{PREFIX}{repository}", licence=_licence(listed)),
            address=f"{PREFIX}{repository}/{chosen}, commit {listed.sha}",
        )


def _files(folder: Path) -> list[str]:
    """Return the files of a folder and of those in it, relative to it."""
    found = islice(folder.rglob("*"), MOST_FILES)
    return [path.relative_to(folder).as_posix() for path in found if path.is_file()]


def _is_network(file: str) -> bool:
    return file.lower().endswith(".onnx")


def _copied(repository: str, wanted: str, folder: Path, files: list[str]) -> HubNetwork:
    """Return a network of a folder that is a copy of a repository, with these files."""
    chosen = folder / _choose(repository, files, wanted)
    places = [next((at for at in (chosen.parent, folder) if (at / name).is_file()), None) for name in CONFIGS]
    note(LOG, f"{PREFIX}{repository}: used from {folder}")
    return HubNetwork(
        weights=chosen,
        configs=tuple(at / name for at, name in zip(places, CONFIGS, strict=True) if at is not None),
        facts=Facts(origin=f"{PREFIX}{repository}", licence=None),
        address=f"{PREFIX}{repository}/{chosen.relative_to(folder).as_posix()}, copy in {folder}",
    )


def _choose(repository: str, files: list[str], wanted: str) -> str:
    """Return the ONNX file that is wanted, or the only one, or that with the usual name."""
    networks = sorted(filter(_is_network, files))
    if wanted:
        if wanted not in networks:
            names = ", ".join(networks[:8]) or "none"
            raise ModelError(f"{PREFIX}{repository}: has no ONNX file {wanted}; it has {names}")
        return wanted
    usual = [file for file in ("model.onnx", "onnx/model.onnx") if file in networks]
    if not networks:
        raise ModelError(
            f"{PREFIX}{repository}: has no ONNX file; export the network to ONNX and describe the file"
        )
    if len(networks) > 1 and not usual:
        raise UsageError(
            f"{PREFIX}{repository}: has several ONNX files; name one: "
            + ", ".join(f"{PREFIX}{repository}/{file}" for file in networks[:8])
        )
    chosen = usual[0] if usual else networks[0]
    note(
        LOG, f"{PREFIX}{repository}: {chosen}" + (f", of {len(networks)} ONNX files" if networks[1:] else "")
    )
    return chosen


def _configs(repository: str, listed: _Repository, chosen: str, folder: Path) -> Iterator[Path]:
    """Download the configs in the root or beside the network; yield their paths."""
    from geoseg.files.scratch import scratching

    files = {item.rfilename for item in listed.siblings}
    for name in CONFIGS:
        beside = str(PurePosixPath(chosen).parent / name)
        file = next((item for item in (beside, name) if item in files), None)
        if file is not None:
            path = folder / name
            content = _read(_address(repository, listed.sha, file))
            with scratching(folder):
                path.write_bytes(content)
            yield path


def _repository(name: str) -> _Repository:
    """Return the list of files of a repository."""
    address = f"{endpoint()}/api/models/{name}?blobs=true"
    try:
        return _Repository.model_validate_json(_read(address, most=16 * MOST_TEXT))
    except ValidationError as error:
        raise FetchError(f"{plain(address)}: the answer is not a list of files of the hub") from error


def _read(address: str, most: int = MOST_TEXT) -> bytes:
    try:
        request = Request(address)  # noqa: S310 - read_web takes http and https only
        with_private(request, credentials(address))
        return read_web(request, most=most).content
    except HTTPError as error:
        error.close()
        hint = "; check the name, or the repository is private" if error.code in {401, 403, 404} else ""
        text = f"{plain(address)}: cannot be downloaded: {error.code} {plain(error.reason)}{hint}"
        raise FetchError(text) from error
    except URLError as error:
        raise FetchError(f"{plain(address)}: cannot be downloaded: {plain(error.reason)}") from error


def _licence(listed: _Repository) -> str | None:
    return next((tag.removeprefix("license:") for tag in listed.tags if tag.startswith("license:")), None)


def _address(repository: str, commit: str, file: str) -> str:
    return f"{endpoint()}/{repository}/resolve/{commit}/{quote(file)}"
