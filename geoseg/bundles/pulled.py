"""Paths for downloads of bundles: only within the user's folder, for any description."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote, urlsplit

from geoseg.bundles.mlm import DESCRIPTION
from geoseg.errors import ModelError, OutputError
from geoseg.files.network import plain

REMOTE = frozenset({"http", "https"})

WEIGHTS = "model.onnx"
"""Name of weights whose address does not end in a safe name."""

OTHERS = frozenset({"model.json", "readme.md"})
"""Names of the other files of a bundle, in lower case."""

LONGEST = 100
"""Most characters of a name: with additions for temporary files, less than the 255 bytes of file systems."""

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._ -]*[A-Za-z0-9_-])?")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|conin|conout|com[0-9]|lpt[0-9])\$?(?:\s*\..*)?", re.IGNORECASE)
"""Names that Windows reserves for devices, with any suffix (Microsoft, Naming Files, Paths, Namespaces)."""


def is_plain(name: str) -> bool:
    """Return whether a text is the name of one file or folder on every system.

    Such a name has only letters, digits, `.`, `_`, `-` and spaces, begins with a letter or digit, does not
    end in a dot or space, has no `..`, is not a device of Windows and has at most `LONGEST` characters.
    """
    return (
        len(name) <= LONGEST
        and _PLAIN.fullmatch(name) is not None
        and ".." not in name
        and _DEVICES.fullmatch(name) is None
    )


def is_remote(href: str) -> bool:
    """Return whether an asset has an address and is not a file near its description."""
    try:
        return urlsplit(href).scheme.lower() in REMOTE
    except ValueError:
        return False


def local_file(folder: Path, href: str) -> Path:
    """Return the path of an asset that has no address: a file in the folder of the description.

    Raises:
        ModelError: it is not in this folder, or is at an address of which nothing is downloaded. Others made
            the description: it may not choose which files of this machine are opened.
    """
    name = unquote(re.sub(r"^file:(//)?", "", href))
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or PureWindowsPath(name).drive or "\\" in name
    if outside or "://" in href.removeprefix("file://"):
        raise ModelError(
            f"{folder / DESCRIPTION}: names weights at {plain(href)!r}: neither in its folder nor at an "
            "address of http or https; put the file beside the description"
        )
    return folder / path


def weights_name(address: str) -> str:
    """Return the file name for weights from an address (http or https)."""
    name = PurePosixPath(unquote(urlsplit(address).path)).name
    return name if is_plain(name) and name.lower() not in OTHERS else WEIGHTS


def bundle_folder(home: Path, name: str, where: Path) -> Path:
    """Return the folder of a bundle within the user's folder.

    Args:
        home: the user's folder; it may not exist.
        name: name of the bundle.
        where: the description with the name, for messages.

    Raises:
        ModelError: the name cannot be the name of a folder.
        OutputError: the path is a file or a link.
    """
    if not is_plain(name):
        raise ModelError(
            f"{where}: the id {name[:LONGEST]!r} cannot name a folder: letters, digits, . _ - and spaces, at "
            f"most {LONGEST}, a letter or digit first; change the id in the description"
        )
    folder = home / name
    if folder.is_symlink():
        raise OutputError(f"{folder}: is a link, but geoseg writes models within {home} only; remove it")
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file, but must be the folder of the model; remove it")
    return folder


def check_file(path: Path) -> None:
    """Check that a path is not a link.

    Raises:
        OutputError: the path is a link or not a file.
    """
    if path.is_symlink() or (os.path.lexists(path) and not path.is_file()):
        raise OutputError(f"{path}: is a link or not a file; remove it")
