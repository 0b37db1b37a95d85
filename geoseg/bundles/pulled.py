"""Where the files of a bundle go that is made whole in the user's folder: nowhere else, whatever it says."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from geoseg.errors import ModelError, OutputError

REMOTE = frozenset({"http", "https"})

WEIGHTS = "model.onnx"
"""Name of weights whose address ends in no plain name."""

OTHERS = frozenset({"model.json", "readme.md"})
"""Names of a bundle's other files, in lower case."""

LONGEST = 100
"""Characters of a name: with what is added while it is written, less than the 255 bytes of file systems."""

_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._ -]*[A-Za-z0-9_-])?")
_DEVICES = re.compile(r"(?:con|prn|aux|nul|conin|conout|com[0-9]|lpt[0-9])\$?(?:\s*\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, with any suffix: Microsoft, Naming Files, Paths, and Namespaces."""


def is_plain(name: str) -> bool:
    """Whether a text names one file or folder, on every system.

    It has letters, digits, `.`, `_`, `-` and spaces only, begins with a letter or digit, does not end in a
    dot or space, holds no `..`, is no device of Windows and no longer than `LONGEST`.
    """
    return (
        len(name) <= LONGEST
        and _PLAIN.fullmatch(name) is not None
        and ".." not in name
        and _DEVICES.fullmatch(name) is None
    )


def is_remote(href: str) -> bool:
    """Whether an asset lies at an address, not beside its description."""
    try:
        return urlsplit(href).scheme.lower() in REMOTE
    except ValueError:
        return False


def weights_name(address: str) -> str:
    """Return the name of the file that weights from an address (http or https) go into."""
    name = PurePosixPath(unquote(urlsplit(address).path)).name
    return name if is_plain(name) and name.lower() not in OTHERS else WEIGHTS


def bundle_folder(home: Path, name: str, where: Path) -> Path:
    """Return the folder of a bundle within the user's.

    Args:
        home: the user's folder; it need not be there.
        name: of the bundle.
        where: the description that names it, for messages.

    Raises:
        ModelError: the name is not that of one folder.
        OutputError: something else is there: a file, or a link that leads elsewhere.
    """
    if not is_plain(name):
        raise ModelError(
            f"{where}: the id {name[:LONGEST]!r} cannot name a folder: letters, digits, . _ - and spaces, at "
            f"most {LONGEST}, a letter or digit first; write such an id into the description"
        )
    folder = home / name
    if folder.is_symlink():
        raise OutputError(f"{folder}: is a link, and models are written within {home} only; remove it")
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file where the folder of the model goes; remove it")
    return folder


def check_file(path: Path) -> None:
    """Refuse to write through a link.

    Raises:
        OutputError: the path is one.
    """
    if path.is_symlink() or (os.path.lexists(path) and not path.is_file()):
        raise OutputError(f"{path}: is a link or no file; remove it")
