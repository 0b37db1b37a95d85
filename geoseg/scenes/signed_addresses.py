"""Sign addresses of blobs of the Planetary Computer, whose storage answers only with a token.

The token of a container comes from a documented service and lasts about an hour:
https://planetarycomputer.microsoft.com/docs/concepts/sas/. The variables are those of Microsoft's own
package: PC_SDK_SUBSCRIPTION_KEY is a key, which is not required but raises the rate limit; PC_SDK_SAS_URL
is the address of another service of tokens.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from threading import Lock
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request

from pydantic import BaseModel, Field, ValidationError

from geoseg.errors import SceneReadError
from geoseg.files.network import service_address, shown
from geoseg.files.web import read_web

HOST = "planetarycomputer.microsoft.com"
"""Host of the items whose assets need a token."""
SERVICE = f"https://{HOST}/api/sas/v1/token"
MARGIN_S = 60.0
"""A token is not used in its last seconds."""

_BLOBS = ".blob.core.windows.net"
_PUBLIC = frozenset({"ai4edatasetspublicassets"})
"""Accounts whose blobs need no token."""
_TOKENS: dict[tuple[str, str], _Token] = {}
_LOCK = Lock()


class _Token(BaseModel):
    """Answer of the service."""

    token: str
    expiry: datetime = Field(alias="msft:expiry")

    @property
    def lasts(self) -> bool:
        """Whether the token can still be used."""
        expiry = self.expiry if self.expiry.tzinfo else self.expiry.replace(tzinfo=UTC)
        return expiry.timestamp() - time.time() > MARGIN_S


def needs_token(path: str) -> bool:
    """Return whether a path is that of a blob without a signature, in an account that wants one."""
    parts = urlsplit(path.removeprefix("/vsicurl/"))
    host = (parts.hostname or "").lower()
    if not host.endswith(_BLOBS) or host.removesuffix(_BLOBS) in _PUBLIC:
        return False
    return "sig" not in parse_qs(parts.query)


def sign(path: str) -> str:
    """Return the path of a blob with the token of its container; other paths as they are.

    Raises:
        SceneReadError: the service of tokens cannot be reached or refuses.
    """
    if not needs_token(path):
        return path
    parts = urlsplit(path.removeprefix("/vsicurl/"))
    account = (parts.hostname or "").lower().removesuffix(_BLOBS)
    container = parts.path.lstrip("/").partition("/")[0]
    joint = "&" if parts.query else "?"
    return f"{path}{joint}{_token(account, container)}"


def _token(account: str, container: str) -> str:
    """Return the token of a container; it is asked for once until it expires."""
    with _LOCK:
        known = _TOKENS.get((account, container))
        if known is None or not known.lasts:
            known = _TOKENS[account, container] = _ask(account, container)
        return known.token


def _ask(account: str, container: str) -> _Token:
    service = service_address("PC_SDK_SAS_URL", SERVICE)
    key = os.environ.get("PC_SDK_SUBSCRIPTION_KEY")
    headers = {"Ocp-Apim-Subscription-Key": key} if key else {}
    address = f"{service}/{account}/{container}"
    try:
        return _Token.model_validate_json(read_web(Request(address, headers=headers)).content)  # noqa: S310
    except ValidationError as error:
        raise SceneReadError(f"{shown(address)}: the answer is not a token; check PC_SDK_SAS_URL") from error
    except SceneReadError:
        raise
    except (URLError, OSError) as error:
        raise SceneReadError(
            f"{shown(address)}: no token for the blobs of {account}/{container} ({error}); try again, or set "
            "PC_SDK_SUBSCRIPTION_KEY"
        ) from error
