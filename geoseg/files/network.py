"""The network: which names need it, and whether it may be used.

The network is used for inputs whose address the user named, and for what such an input names. A file on this
machine never makes a run use it. Offline, everything that needs the network is refused.
"""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from geoseg.errors import SceneReadError, UsageError

OFFLINE = "GEOSEG_OFFLINE"
"""Environment variable: `1` refuses everything that needs the network."""

TEXT_BYTES = 16 * 2**20
"""Most bytes of a metadata file, item, page or listing: 30 times the largest of the products that geoseg is
tested with, 0.55 MB. 16 MiB of XML with the shortest elements take 0.4 GB of memory."""

_SYSTEMS = re.compile(
    r"/vsi(?:curl|s3|gs|az|adls|oss|swift|hdfs|webhdfs)(?:_streaming)?(?=[/?]|$)", re.IGNORECASE
)
_SCHEME = re.compile(r"(?:^|[\"':,=({!+ ])(?P<scheme>[a-z][a-z0-9-]*)://", re.IGNORECASE)
_LOCAL_SCHEMES = frozenset({"file", "vrt", "zip", "tar", "gzip"})
_YES = frozenset({"1", "yes", "true", "on"})
_NO = frozenset({"", "0", "no", "false", "off"})

_GDAL_CLOSED = {
    # GDAL's file systems of the network find no other file than this one, which no server has.
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "the network is not used for local inputs",
    # Drivers that use curl themselves are sent to a port of this machine on which nothing listens.
    "GDAL_HTTP_PROXY": "http://127.0.0.1:9",
    "GDAL_HTTPS_PROXY": "http://127.0.0.1:9",
}
_GDAL_PATIENCE = {
    # GDAL waits for a server without end by default. The limits are short, because it asks three times for
    # a file that it cannot open.
    "GDAL_HTTP_CONNECTTIMEOUT": "10",
    # Less than this many bytes/s during this many s, headers included, is an error: the slowest links of
    # satellites have 2,400 bit/s.
    "GDAL_HTTP_LOW_SPEED_TIME": "15",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "300",
}
"""Variables that are set where the user sets none."""
_CLOSED: dict[str, str | None] = {}
"""Values that the variables had before `close_gdal`."""


def needs_network(name: str) -> bool:
    """Return whether a path, URL or other name that GDAL opens is read over the network."""
    if _SYSTEMS.search(name):
        return True
    return any(found["scheme"].lower() not in _LOCAL_SCHEMES for found in _SCHEME.finditer(name))


def is_offline() -> bool:
    """Return whether `--offline` or `GEOSEG_OFFLINE=1` is set.

    Raises:
        UsageError: the variable is neither yes nor no.
    """
    value = os.environ.get(OFFLINE, "").strip().lower()
    if value not in _YES | _NO:
        raise UsageError(f"{OFFLINE}={plain(value)} is neither yes nor no; set 1 or 0")
    return value in _YES


def service_address(variable: str, usual: str) -> str:
    """Return the address of a service, without a slash at its end.

    Args:
        variable: of the environment, which may name another service.
        usual: address where it is not set.

    Raises:
        UsageError: the value is not an address.
    """
    value = os.environ.get(variable, "").strip() or usual
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not value.isprintable() or " " in value:
        raise UsageError(
            f"{variable}={plain(shown(value))} is not an address, such as {usual}; correct or unset it"
        )
    return value.rstrip("/")


def go_offline() -> None:
    """Refuse everything that needs the network from now on, in this process and those that it starts."""
    os.environ[OFFLINE] = "1"
    os.environ["PROJ_NETWORK"] = "OFF"
    # The libraries of encoders ask the hub for weights.
    os.environ["HF_HUB_OFFLINE"] = "1"


def allow_network(name: str) -> None:
    """Use the network for an input.

    Args:
        name: the input, for which `needs_network` is true.

    Raises:
        SceneReadError: the program is offline.
    """
    if is_offline():
        raise SceneReadError(offline_text(shown(name), "give a file on this machine"))
    open_gdal()


def offline_text(name: object, instead: str) -> str:
    """Return the message for something on the network while offline, with what to do instead."""
    return f"{name} is on the network, which `--offline` or {OFFLINE}=1 excludes; {instead}"


def close_gdal() -> None:
    """Keep GDAL off the network in this process until an input with an address is opened.

    A second barrier behind the checks of local files: it also holds for references that are not known to
    geoseg. The variables are those of the process, because rasterio and pyogrio may have a GDAL each.
    """
    for name, value in _GDAL_PATIENCE.items():
        os.environ.setdefault(name, value)
    for name, value in _GDAL_CLOSED.items():
        if name not in _CLOSED:
            _CLOSED[name] = os.environ.get(name)
            os.environ[name] = value


def open_gdal() -> None:
    """Undo `close_gdal`."""
    while _CLOSED:
        name, value = _CLOSED.popitem()
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def gdal_closed() -> dict[str, str]:
    """Return GDAL's configuration options that keep it off the network."""
    return dict(_GDAL_CLOSED)


def shown(name: str) -> str:
    """Return a name for a message: one line, without GDAL's prefix, a password or the query of an address."""
    text = plain(name.removeprefix("/vsicurl/"))
    text = re.sub(r"(?<=://)[^/@\s]*@", "", text)
    return re.sub(r"\?.*$", "", text) if "://" in text else text


def plain(text: object) -> str:
    """Return a text from elsewhere as one printable line of at most 200 characters."""
    line = " ".join(str(text).split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)[:200]
