"""Published networks: list them, fetch their weights, and convert them to bundles."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.bundles.installed import check_name, user_folder
from geoseg.bundles.mlm import DESCRIPTION
from geoseg.bundles.pulled import bundle_folder
from geoseg.errors import ModelError, OutputError
from geoseg.files.hashes import file_sha256
from geoseg.files.inputs import opened
from geoseg.messages import note
from geoseg.spec.presets import published_models
from geoseg.text_columns import align

from .hub_files import SCHEME, credentials, local_copy, remote_file
from .pull import fetch_weights

if TYPE_CHECKING:
    from geoseg.run_record import Progress
    from geoseg.spec import EncoderWeights, PublishedSpec

LOG = logging.getLogger(__name__)


def published_text() -> str:
    """Return the table of published networks."""
    rows: list[tuple[str, ...]] = [("name", "title", "bands", "dates", "licence", "bundle")]
    for item in published_models().values():
        bundle = user_folder() / item.name
        made = str(bundle) if bundle.is_dir() else f"geoseg models pull {item.name}"
        bands = " ".join(band.name for band in item.bands)
        rows.append((item.name, item.title, bands, str(item.dates), item.licence, made))
    return align(rows)


def pull_published(
    spec: PublishedSpec, progress: Progress, *, weights: Path | None = None, overwrite: bool = False
) -> Path:
    """Fetch the weights of a published network and convert them to a bundle; return its folder.

    Args:
        spec: what is published.
        progress: called with the number of MiB done.
        weights: the file on this machine; None: a copy of the hub, or the hub.
        overwrite: whether an existing bundle is replaced.

    Raises:
        RuntimeMissingError: the extra `train` is not installed; nothing was downloaded.
        ModelError: the weights have another SHA-256, do not fit, or cannot be exported.
        FetchError: they cannot be downloaded.
        OutputError: the bundle exists, or cannot be written.
    """
    from geoseg.files.disk import writing
    from geoseg.files.scratch import scratch_folder
    from geoseg.learn.train import missing_extra

    home = user_folder()
    folder = bundle_folder(home, spec.name, Path(spec.name))
    check_name(folder)
    if folder.exists() and not overwrite:
        if weights is None and (folder / DESCRIPTION).is_file():
            note(LOG, f"{folder}: already converted; `--overwrite` converts it again")
            return folder
        raise OutputError(f"{folder}: already exists; add `--overwrite` to replace this model")
    try:
        from geoseg.learn.train.published_bundle import convert_published
    except ImportError as error:
        raise missing_extra(f"converting {spec.name} to a bundle", error) from error
    note(LOG, f"{spec.name}: licence of the weights: {spec.licence}; {spec.citation}")
    with writing(home):
        home.mkdir(parents=True, exist_ok=True)
    with scratch_folder(home) as scratch:
        file = weights or local_copy(spec.weights.url, spec.weights.sha256)
        if file is None:
            file = scratch / spec.weights.url.rpartition("/")[2]
            _download(spec.weights, file, progress, home=home)
        elif not file.is_file():
            raise ModelError(f"{file}: there is no such file")
        opened(file)
        # A copy of the hub and a download are checked where they are found; a hash of 1.3 GB takes seconds.
        convert_published(spec if weights else _checked(spec), file, folder, overwrite=overwrite)
    return folder


def _checked(spec: PublishedSpec) -> PublishedSpec:
    """Return the description of a network whose file has been found to have its SHA-256."""
    return spec.model_copy(update={"weights": spec.weights.model_copy(update={"sha256": ""})})


def fetch_published(
    facts: EncoderWeights, target: Path, progress: Progress, *, weights: Path | None, home: Path
) -> None:
    """Copy or download weights.

    Args:
        facts: address, SHA-256 and size.
        target: path of the new file.
        progress: called with the number of MiB done.
        weights: the file on this machine; None: a copy of the hub, or the hub.
        home: folder for incomplete downloads.

    Raises:
        ModelError: the weights have another SHA-256, or none is known.
        FetchError: they cannot be downloaded.
        OutputError: they cannot be written.
    """
    if weights is not None:
        _copy(weights, target, facts.sha256)
    elif facts.url.startswith(SCHEME) and (copy := local_copy(facts.url, facts.sha256)) is not None:
        _copy(copy, target, "")
    else:
        _download(facts, target, progress, home=home)


def _download(facts: EncoderWeights, target: Path, progress: Progress, *, home: Path) -> None:
    """Download weights that are not on this machine; see `fetch_published`."""
    hub = facts.url.startswith(SCHEME)
    address, sha256, size = facts.url, facts.sha256, facts.size or None
    if hub:
        found = remote_file(facts.url, sha256, size)
        address, sha256, size = found.address, found.sha256, found.size
        if not facts.sha256:
            of = f" of commit {found.commit}" if found.commit else ""
            note(LOG, f"{facts.url}: geoseg knows no SHA-256 of it; the hub states {sha256}{of}")
    elif not sha256:
        raise ModelError(
            f"{address}: its SHA-256 is not known; fetch it yourself, and give it by `--weights FILE`"
        )
    fetch_weights(
        address, sha256, target, progress, size=size, home=home, private=credentials(address) if hub else {}
    )


def _copy(source: Path, target: Path, sha256: str) -> None:
    """Copy a file of this machine that has a SHA-256; an empty one is not checked."""
    from geoseg.files.disk import writing

    opened(source)
    try:
        found = file_sha256(source) if sha256 else ""
    except OSError as error:
        raise ModelError(f"{source}: cannot be read: {error.strerror}") from error
    if found != sha256:
        raise ModelError(f"{source}: its SHA-256 is {found}, not {sha256}: it is another file, or broken")
    if not source.is_file():
        raise ModelError(f"{source}: there is no such file")
    with writing(target):
        shutil.copyfile(source, target)
