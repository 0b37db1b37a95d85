"""Make a whole bundle out of one that names its weights by address: into the user's folder."""

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

from .fetch import download, is_whole

if TYPE_CHECKING:
    from geoseg.run_record import Progress

LOG = logging.getLogger(__name__)

WEIGHT_ROLES = frozenset({"mlm:model", "mlm:weights"})
"""Roles of the asset with the weights: the STAC MLM extension's, and its older name."""

_ASSETS = TypeAdapter(dict[str, ModelAsset])


def pull_bundle(model: str, progress: Progress, *, overwrite: bool = False) -> Path:
    """Fetch the weights of a bundle; return the folder of the whole bundle.

    Nothing is written but the description and the weights, in a folder of the bundle's id within the user's.

    Args:
        model: name of a bundle, or a bundle's folder.
        progress: is told how far it is.
        overwrite: whether another model of this id may be replaced.

    Raises:
        ModelError: there is no such bundle, it is not valid, its id names no folder, it names no SHA-256, or
            the weights have another.
        FetchError: the weights cannot be fetched.
        OutputError: another model of this id is there, or the folder cannot be written.
    """
    where = description_of(model)
    item = read_table(where)
    key, asset = _weights(item, where)
    if not is_remote(asset.href):
        note(LOG, f"{model}: its weights came with it ({asset.href or 'no address'}); nothing to fetch")
        return where.parent
    if not asset.sha256:
        raise ModelError(
            f"{where}: the weights have an address but no SHA-256 (file:checksum, a multihash 1220…); "
            "unchecked weights are not fetched"
        )
    name = str(item.get("id") or where.resolve().parent.name)
    folder = bundle_folder(user_folder(), name, where)
    weights = folder / weights_name(asset.href)
    text = _whole(item, key, weights.name)
    if _is_there(folder, text, weights, asset.sha256):
        note(LOG, f"{folder} is there already, and whole")
        return folder
    _check(folder, where, weights, asset.sha256, overwrite=overwrite)
    _write(folder, text, weights, asset, progress)
    return folder


def _weights(item: dict[str, JsonValue], where: Path) -> tuple[str, ModelAsset]:
    """Key and facts of the asset with the weights, the ONNX file where there are several."""
    try:
        assets = _ASSETS.validate_python(item.get("assets"))
    except ValidationError as error:
        raise ModelError(f"{where}: assets: {first_problem(error)}") from error
    found = [(key, asset) for key, asset in assets.items() if WEIGHT_ROLES & set(asset.roles)]
    if not found:
        raise ModelError(f"{where}: no asset has the role mlm:model, so there are no weights to fetch")
    return next((pair for pair in found if pair[1].is_onnx), found[0])


def _whole(item: dict[str, JsonValue], key: str, name: str) -> str:
    """Text of the description once the weights lie beside it."""
    assets = item["assets"]
    asset = assets[key] if isinstance(assets, dict) else None
    if not isinstance(assets, dict) or not isinstance(asset, dict):
        raise TypeError("assets that were validated are objects")
    return json.dumps({**item, "assets": {**assets, key: {**asset, "href": f"./{name}"}}}, indent=2)


def _is_there(folder: Path, text: str, weights: Path, sha256: str) -> bool:
    """Whether this very bundle was pulled before."""
    try:
        same = (folder / DESCRIPTION).read_text(encoding="utf-8") == text
    except (OSError, UnicodeDecodeError):
        return False
    return same and not weights.is_symlink() and is_whole(weights, sha256)


def _check(folder: Path, where: Path, weights: Path, sha256: str, *, overwrite: bool) -> None:
    """Refuse to replace another model.

    Raises:
        OutputError: one is there, or a link.
    """
    description = folder / DESCRIPTION
    for path in (description, weights):
        check_file(path)
    # A bundle of the user's folder itself is completed in its place.
    if description.exists() and description.samefile(where):
        not_an_input(where)
        replaced = [weights]
    else:
        replaced = [description, weights]
    if is_whole(weights, sha256):
        replaced.remove(weights)
    taken = [path for path in replaced if path.exists()]
    if taken and not overwrite:
        raise OutputError(f"{taken[0]}: exists; add --overwrite to replace this model")


def _write(folder: Path, text: str, weights: Path, asset: ModelAsset, progress: Progress) -> None:
    """Fetch the weights beside their place, and put them there together with the description."""
    from geoseg.files.disk import writing
    from geoseg.files.output_files import OutputFiles, write_texts

    description = folder / DESCRIPTION
    kept = is_whole(weights, asset.sha256)
    with ExitStack() as stack:
        with writing(folder):
            if not folder.exists():
                folder.mkdir(parents=True)
                stack.callback(_remove_empty, folder)
            beside = stack.enter_context(
                OutputFiles([description, *([] if kept else [weights])], overwrite=True)
            )
        if not kept:
            download(asset.href, asset.sha256, beside.path(weights), progress, size=asset.size)
        write_texts({description: text}, beside)
        beside.commit()


def _remove_empty(folder: Path) -> None:
    """Remove a folder if nothing is in it."""
    with suppress(OSError):
        folder.rmdir()
