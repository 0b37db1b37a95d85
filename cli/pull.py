"""Download the weights of a bundle, and store the complete bundle in the folder of the user."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack, suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import JsonValue, TypeAdapter, ValidationError

from geoseg.bundles.description import read_table
from geoseg.bundles.external_data import asset_name, external_names
from geoseg.bundles.find import description_of
from geoseg.bundles.installed import check_name, user_folder
from geoseg.bundles.mlm import DESCRIPTION, EXTERNAL_ROLE, ModelAsset, first_problem
from geoseg.bundles.program import ARTIFACT
from geoseg.bundles.pulled import bundle_folder, check_file, is_remote, local_file, weights_name
from geoseg.errors import ModelError, OutputError
from geoseg.files.bounded import read_text
from geoseg.files.doors import loading
from geoseg.files.inputs import not_an_input
from geoseg.files.network import plain
from geoseg.messages import note

from .fetch import download, has_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geoseg.files.output_files import OutputFiles
    from geoseg.run_record import Progress

LOG = logging.getLogger(__name__)

WEIGHT_ROLES = frozenset({"mlm:model", "mlm:weights"})
"""Roles of the asset with the weights in the STAC MLM extension, current and former."""

_ASSETS = TypeAdapter(dict[str, ModelAsset])


def pull_bundle(model: str, progress: Progress, *, overwrite: bool = False) -> Path:
    """Download the weights of a bundle; return the folder of the complete bundle.

    Only the description and the weights are written, to a folder named by the id of the bundle.

    Args:
        model: name or folder of a bundle.
        progress: called with the number of MiB done.
        overwrite: whether another model with this id may be replaced.

    Raises:
        ModelError: the bundle does not exist, is not valid or has no SHA-256, its id is not a folder name, or
            the weights have another SHA-256.
        FetchError: the weights cannot be downloaded.
        OutputError: another model with this id exists, or came with geoseg, or the folder cannot be written.
    """
    where = description_of(model)
    item = read_table(where)
    key, asset = _weights(item, where)
    if not is_remote(asset.href):
        with loading(where):
            there = bool(asset.href) and local_file(where.parent, asset.href).is_file()
        if not there:
            raise ModelError(
                f"{where}: the weights ({plain(asset.href) or 'no address'}) are not in the folder of the "
                "bundle, and no address of http or https is stated; ask its author for them"
            )
        note(LOG, f"{model}: the bundle contains its weights ({plain(asset.href)}); nothing to download")
        return where.parent
    if not asset.sha256:
        raise ModelError(
            f"{where}: the weights have a URL but no SHA-256 (file:checksum, a multihash 1220…); "
            "weights that cannot be checked are not downloaded"
        )
    name = str(item.get("id") or where.resolve().parent.name)
    folder = bundle_folder(user_folder(), name, where)
    check_name(folder, where.parent)
    files = _files(item, key, asset, where)
    text = _completed_description(item, {key: file for key, (file, _) in files.items()})
    wanted = {folder / file: part for file, part in files.values()}
    if _is_complete(folder, text, wanted):
        note(LOG, f"{folder}: already complete")
        return folder
    _check_target(folder, where, wanted, overwrite=overwrite)
    _write(folder, text, wanted, progress)
    return folder


def _files(
    item: dict[str, JsonValue], key: str, weights: ModelAsset, where: Path
) -> dict[str, tuple[str, ModelAsset]]:
    """Return the file name and the asset of the weights and of their external data, by key.

    Raises:
        ModelError: external data have no address or no SHA-256, or two files have one name.
    """
    files = {key: (weights_name(weights.href), weights)}
    for other, asset in _ASSETS.validate_python(item["assets"]).items():
        if EXTERNAL_ROLE not in asset.roles or other == key:
            continue
        if not is_remote(asset.href) or not asset.sha256:
            raise ModelError(
                f"{where}: {other}: external data need a URL and a SHA-256 (file:checksum), as the weights do"
            )
        files[other] = asset_name(asset), asset
    names = [name.lower() for name, _ in files.values()]
    if len(set(names)) < len(names):
        raise ModelError(f"{where}: several files of the network have the name {max(names, key=names.count)}")
    return files


def _weights(item: dict[str, JsonValue], where: Path) -> tuple[str, ModelAsset]:
    """Return key and asset of the weights; of several, the ONNX file."""
    try:
        assets = _ASSETS.validate_python(item.get("assets"))
    except ValidationError as error:
        raise ModelError(f"{where}: assets: {first_problem(error)}") from error
    # A program is code of its author, and never downloaded.
    found = [
        (key, asset)
        for key, asset in assets.items()
        if WEIGHT_ROLES & set(asset.roles) and asset.artifact_type != ARTIFACT
    ]
    if not found:
        raise ModelError(f"{where}: no asset has the role mlm:model, so there are no weights to download")
    return next((pair for pair in found if pair[1].is_onnx), found[0])


def _completed_description(item: dict[str, JsonValue], names: Mapping[str, str]) -> str:
    """Return the text of the description, with the paths of the downloaded files by key of their asset."""
    assets = item["assets"]
    if not isinstance(assets, dict):
        raise TypeError("assets that were validated are objects")
    completed = {
        key: {**asset, "href": f"./{names[key]}"} if key in names and isinstance(asset, dict) else asset
        for key, asset in assets.items()
    }
    return json.dumps({**item, "assets": completed}, indent=2)


def _is_complete(folder: Path, text: str, wanted: Mapping[Path, ModelAsset]) -> bool:
    """Return whether the folder contains this bundle completely."""
    try:
        same = read_text(folder / DESCRIPTION) == text
    except (OSError, UnicodeDecodeError):
        return False
    return same and all(
        not path.is_symlink() and has_sha256(path, item.sha256) for path, item in wanted.items()
    )


def _check_target(folder: Path, where: Path, wanted: Mapping[Path, ModelAsset], *, overwrite: bool) -> None:
    """Check that no other model is replaced.

    Raises:
        OutputError: another model or a link exists.
    """
    description = folder / DESCRIPTION
    for path in (description, *wanted):
        check_file(path)
    # A bundle in the folder of the user is completed in place.
    if description.exists() and description.samefile(where):
        not_an_input(where)
        replaced = []
    else:
        replaced = [description]
    replaced += [path for path, item in wanted.items() if not has_sha256(path, item.sha256)]
    existing = [path for path in replaced if path.exists()]
    if existing and not overwrite:
        raise OutputError(f"{existing[0]}: already exists; add `--overwrite` to replace this model")


def _write(folder: Path, text: str, wanted: Mapping[Path, ModelAsset], progress: Progress) -> None:
    """Download what is missing to temporary files, then rename them and the description together."""
    from geoseg.files.disk import writing
    from geoseg.files.output_files import OutputFiles, write_texts

    description = folder / DESCRIPTION
    missing = [path for path, asset in wanted.items() if not has_sha256(path, asset.sha256)]
    with ExitStack() as stack:
        with writing(folder):
            if not folder.exists():
                folder.mkdir(parents=True)
                stack.callback(_remove_empty, folder)
            beside = stack.enter_context(OutputFiles([description, *missing], overwrite=True))
        for path in missing:
            asset = wanted[path]
            fetch_weights(
                asset.href, asset.sha256, beside.path(path), progress, size=asset.size, home=folder.parent
            )
        _check_external(beside, wanted)
        write_texts({description: text}, beside)
        beside.commit()


def fetch_weights(
    address: str,
    sha256: str,
    target: Path,
    progress: Progress,
    *,
    size: int | None,
    home: Path,
    private: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Download weights; an incomplete download stays in a folder of the user, where the next run continues.

    Args:
        address: http or https URL.
        sha256: expected SHA-256 of the file, hexadecimal.
        target: path of the new file.
        progress: called with the number of MiB done.
        size: expected size in bytes; None: unknown.
        home: the folder, on the file system of the target.
        private: headers for the first server only.

    Raises:
        FetchError: the weights cannot be downloaded.
        ModelError: they have another SHA-256.
        OutputError: they cannot be written, or a link stands in their place.
    """
    kept = home / f".{sha256}.part"
    check_file(kept)
    download(address, sha256, target, progress, size=size, kept=kept, private=private)


def _check_external(beside: OutputFiles, wanted: Mapping[Path, ModelAsset]) -> None:
    """Check that the downloaded weights name no external data but those that the description lists.

    Raises:
        ModelError: they name others, whose SHA-256 is not known, or are damaged.
    """
    for path, asset in wanted.items():
        written = beside.path(path) if beside.path(path).exists() else path
        if EXTERNAL_ROLE in asset.roles or not written.name.lower().endswith(".onnx"):
            continue
        unlisted = set(external_names(written)) - {other.name for other in wanted}
        if unlisted:
            raise ModelError(
                f"{asset.href}: has external data in {', '.join(sorted(unlisted))}, which the description "
                f"does not list; add assets with the role {EXTERNAL_ROLE}, a URL and file:checksum"
            )


def _remove_empty(folder: Path) -> None:
    """Remove a folder if it is empty."""
    with suppress(OSError):
        folder.rmdir()
