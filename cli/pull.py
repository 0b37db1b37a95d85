"""Make a whole bundle out of one that names its weights by address: into the user's folder."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from geoseg.catalog.bundles import user_folder
from geoseg.errors import ModelError, OutputError

from .fetch import fetch

if TYPE_CHECKING:
    from geoseg.report import Reporter

WEIGHT_ROLES = {"mlm:model", "mlm:weights"}
"""Roles of the asset with the weights: the STAC MLM extension's, and its older name."""
SHA256_MULTIHASH = "1220"
"""Prefix of a SHA-256 of 32 bytes in the STAC file extension's `file:checksum`."""


def pull_bundle(model: str, reporter: Reporter) -> Path:
    """Fetch the weights of a bundle; return the folder of the whole bundle.

    Args:
        model: name of a bundle in the zoo, or a bundle's folder.
        reporter: hears of progress.

    Raises:
        ModelError: there is no such bundle, it names no address or no SHA-256, or the weights have another.
        OutputError: the cache cannot be written.
    """
    text, where = _description(model)
    item = _table(text, where)
    key, asset = _weights(item, where)
    address = str(asset.get("href", ""))
    if urlsplit(address).scheme not in {"http", "https"}:
        reporter.note(f"{model}: its weights came with it ({address or 'no address'}); nothing to fetch")
        return Path(where).parent
    sha256 = _sha256(asset, where)
    folder = user_folder() / str(item.get("id") or Path(where).parent.name)
    name = PurePosixPath(urlsplit(address).path).name or "model.onnx"
    fetch(address, sha256, folder / name, reporter)
    assets = {**_mapping(item["assets"]), key: {**asset, "href": f"./{name}"}}
    try:
        (folder / "model.json").write_text(json.dumps({**item, "assets": assets}, indent=2), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder / 'model.json'}: cannot be written: {error.strerror}") from error
    return folder


def _description(model: str) -> tuple[str, str]:
    """Text and place of a bundle's model.json."""
    inside = files("geoseg.models").joinpath("zoo", model, "model.json")
    for candidate in (Path(model) / "model.json", inside):
        try:
            return candidate.read_text(encoding="utf-8"), str(candidate)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ModelError(f"{candidate}: cannot be read: {error.strerror}") from error
    raise ModelError(f"no bundle {model!r}: neither a folder with a model.json nor in geoseg models list")


def _table(text: str, where: str) -> dict[str, object]:
    try:
        return _mapping(json.loads(text))
    except (ValueError, TypeError) as error:
        raise ModelError(f"{where}: not a JSON object: {error}") from error


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no object")
    return value


def _weights(item: dict[str, object], where: str) -> tuple[str, dict[str, object]]:
    """Key and table of the asset with the weights."""
    assets = item.get("assets")
    for key, asset in assets.items() if isinstance(assets, dict) else ():
        if isinstance(asset, dict) and WEIGHT_ROLES & set(asset.get("roles") or ()):
            return key, asset
    raise ModelError(f"{where}: no asset has the role mlm:model, so there are no weights to fetch")


def _sha256(asset: dict[str, object], where: str) -> str:
    """SHA-256 that the asset states."""
    text = str(asset.get("file:checksum") or "").lower()
    if not (text.startswith(SHA256_MULTIHASH) and len(text) == len(SHA256_MULTIHASH) + 64):
        raise ModelError(
            f"{where}: the weights have an address but no SHA-256 (file:checksum, a multihash 1220…); "
            "unchecked weights are not fetched"
        )
    return text.removeprefix(SHA256_MULTIHASH)
