"""Download the weights of a bundle, and store the complete bundle in the folder of the user."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue, TypeAdapter, ValidationError

from geoseg.bundles.description import read_table
from geoseg.bundles.find import DESCRIPTION, description_of, user_folder
from geoseg.bundles.mlm import ModelAsset, first_problem
from geoseg.bundles.pulled import bundle_folder, check_file, is_remote, weights_name
from geoseg.errors import ModelError, OutputError
from geoseg.files.inputs import not_an_input
from geoseg.messages import note

from .fetch import download, has_sha256

if TYPE_CHECKING:
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
        OutputError: another model with this id exists, or the folder cannot be written.
    """
    where = description_of(model)
    item = read_table(where)
    key, asset = _weights(item, where)
    if not is_remote(asset.href):
        note(
            LOG,
            f"{model}: the bundle contains its weights ({asset.href or 'no address'}); nothing to download",
        )
        return where.parent
    if not asset.sha256:
        raise ModelError(
            f"{where}: the weights have a URL but no SHA-256 (file:checksum, a multihash 1220…); "
            "weights that cannot be checked are not downloaded"
        )
    name = str(item.get("id") or where.resolve().parent.name)
    folder = bundle_folder(user_folder(), name, where)
    weights = folder / weights_name(asset.href)
    text = _completed_description(item, key, weights.name)
    if _is_complete(folder, text, weights, asset.sha256):
        note(LOG, f"{folder}: already complete")
        return folder
    _check_target(folder, where, weights, asset.sha256, overwrite=overwrite)
    _write(folder, text, weights, asset, progress)
    return folder


def _weights(item: dict[str, JsonValue], where: Path) -> tuple[str, ModelAsset]:
    """Return key and asset of the weights; of several, the ONNX file."""
    try:
        assets = _ASSETS.validate_python(item.get("assets"))
    except ValidationError as error:
        raise ModelError(f"{where}: assets: {first_problem(error)}") from error
    found = [(key, asset) for key, asset in assets.items() if WEIGHT_ROLES & set(asset.roles)]
    if not found:
        raise ModelError(f"{where}: no asset has the role mlm:model, so there are no weights to download")
    return next((pair for pair in found if pair[1].is_onnx), found[0])


def _completed_description(item: dict[str, JsonValue], key: str, name: str) -> str:
    """Return the text of the description, with the path of the downloaded weights."""
    assets = item["assets"]
    asset = assets[key] if isinstance(assets, dict) else None
    if not isinstance(assets, dict) or not isinstance(asset, dict):
        raise TypeError("assets that were validated are objects")
    return json.dumps({**item, "assets": {**assets, key: {**asset, "href": f"./{name}"}}}, indent=2)


def _is_complete(folder: Path, text: str, weights: Path, sha256: str) -> bool:
    """Return whether the folder contains this bundle completely."""
    try:
        same = (folder / DESCRIPTION).read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False
    return same and not weights.is_symlink() and has_sha256(weights, sha256)


def _check_target(folder: Path, where: Path, weights: Path, sha256: str, *, overwrite: bool) -> None:
    """Check that no other model is replaced.

    Raises:
        OutputError: another model or a link exists.
    """
    description = folder / DESCRIPTION
    for path in (description, weights):
        check_file(path)
    # A bundle in the folder of the user is completed in place.
    if description.exists() and description.samefile(where):
        not_an_input(where)
        replaced = [weights]
    else:
        replaced = [description, weights]
    if has_sha256(weights, sha256):
        replaced.remove(weights)
    existing = [path for path in replaced if path.exists()]
    if existing and not overwrite:
        raise OutputError(f"{existing[0]}: already exists; add --overwrite to replace this model")


def _write(folder: Path, text: str, weights: Path, asset: ModelAsset, progress: Progress) -> None:
    """Download the weights to a temporary file, then rename it and the description together."""
    from geoseg.files.disk import writing
    from geoseg.files.output_files import OutputFiles, write_texts

    description = folder / DESCRIPTION
    is_downloaded = has_sha256(weights, asset.sha256)
    with ExitStack() as stack:
        with writing(folder):
            if not folder.exists():
                folder.mkdir(parents=True)
                stack.callback(_remove_empty, folder)
            beside = stack.enter_context(
                OutputFiles([description, *([] if is_downloaded else [weights])], overwrite=True)
            )
        if not is_downloaded:
            download(asset.href, asset.sha256, beside.path(weights), progress, size=asset.size)
        write_texts({description: text}, beside)
        beside.commit()


def _remove_empty(folder: Path) -> None:
    """Remove a folder if it is empty."""
    with suppress(OSError):
        folder.rmdir()
