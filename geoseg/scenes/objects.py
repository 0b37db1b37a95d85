"""Objects of S3 and of stores that speak its protocol, by the environment variables that GDAL reads too.

GDAL lists and reads them for itself only (`/vsis3/`), so that folders and metadata files need requests of our
own. They are signed as AWS describes (Signature Version 4,
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).
"""

from __future__ import annotations

import configparser
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen
from xml.etree import ElementTree

from geoseg.errors import SceneReadError

PREFIX = "/vsis3/"
MOST = 20_000
"""Objects of a folder; with more it holds more than one product."""

_EMPTY = hashlib.sha256(b"").hexdigest()
_SAFE = "-_.~"
_YES = {"YES", "TRUE", "ON", "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What requests are signed with."""

    access: str
    secret: str
    token: str | None = None


def list_objects(path: str) -> list[str]:
    """Return the names of the objects below a folder, relative to it, sorted; empty: there is none.

    Args:
        path: `/vsis3/BUCKET/PREFIX`, as GDAL opens it.

    Raises:
        SceneReadError: the bucket cannot be listed, or it holds more than `MOST`.
    """
    bucket, _, prefix = path.removeprefix(PREFIX).partition("/")
    prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    names: list[str] = []
    query = {"list-type": "2", "prefix": prefix}
    while True:
        root = ElementTree.fromstring(_get(bucket, "", query))  # noqa: S314 - expat bounds entity expansion
        found = {item.tag.rpartition("}")[2]: item.text or "" for item in root}
        names += [
            key.text.removeprefix(prefix)
            for item in root
            if item.tag.endswith("Contents")
            for key in item
            if key.tag.endswith("Key") and key.text and not key.text.endswith("/")
        ]
        if len(names) > MOST:
            raise SceneReadError(f"{path} holds more than {MOST:,} objects; give the folder of one product")
        if found.get("IsTruncated") != "true" or not found.get("NextContinuationToken"):
            return sorted(names)
        query["continuation-token"] = found["NextContinuationToken"]


def read_object(path: str) -> bytes:
    """Return an object's content.

    Args:
        path: `/vsis3/BUCKET/KEY`.

    Raises:
        SceneReadError: it does not exist or may not be read.
    """
    bucket, _, key = path.removeprefix(PREFIX).partition("/")
    return _get(bucket, key, {})


def _get(bucket: str, key: str, query: Mapping[str, str]) -> bytes:
    """Return the answer to a request, in the bucket's own region."""
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    where = f"s3://{bucket}/{key or query.get('prefix', '')}"
    for last in (False, True):
        try:
            with urlopen(_request(bucket, key, query, region), timeout=30) as answer:  # noqa: S310 - http(s) only
                return bytes(answer.read())
        except HTTPError as error:
            told = error.headers.get("x-amz-bucket-region")
            if told and told != region and not last:
                region = told
                continue
            raise SceneReadError(_refusal(where, error.code)) from error
        except (URLError, OSError) as error:
            raise SceneReadError(f"{where} cannot be reached: {error}; check AWS_S3_ENDPOINT") from error
    raise SceneReadError(f"{where} is in another region; say it with AWS_REGION")


def _refusal(where: str, code: int) -> str:
    """Say why a request was refused."""
    if code == 404:
        return f"{where} does not exist; check the path"
    if code in {401, 403}:
        return (
            f"{where} may not be read (HTTP {code}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_NO_SIGN_REQUEST=YES for a public bucket, AWS_REQUEST_PAYER=requester where the reader pays"
        )
    return f"{where} cannot be read (HTTP {code})"


def _request(bucket: str, key: str, query: Mapping[str, str], region: str) -> Request:
    """Return a request, signed unless the environment says otherwise."""
    endpoint = os.environ.get("AWS_S3_ENDPOINT") or f"s3.{region}.amazonaws.com"
    scheme = "https" if os.environ.get("AWS_HTTPS", "YES").upper() in _YES else "http"
    if "://" in endpoint:
        scheme, _, endpoint = endpoint.partition("://")
    virtual = os.environ.get("AWS_VIRTUAL_HOSTING", "YES").upper() in _YES and "." not in bucket
    host = f"{bucket}.{endpoint}" if virtual else endpoint.rstrip("/")
    place = "/".join(filter(None, ("" if virtual else bucket, key)))
    path = "/" + quote(place, safe=f"/{_SAFE}")
    pairs = (f"{quote(name, safe=_SAFE)}={quote(text, safe=_SAFE)}" for name, text in sorted(query.items()))
    asked = "&".join(pairs)
    headers = {"Host": host}
    if payer := os.environ.get("AWS_REQUEST_PAYER"):
        headers["x-amz-request-payer"] = payer
    keys = _keys()
    if keys is not None:
        headers |= signed(keys, path, asked, headers, region, datetime.now(UTC))
    address = f"{scheme}://{host}{path}{f'?{asked}' if asked else ''}"
    return Request(address, headers=headers)  # noqa: S310 - http or https


def signed(
    keys: Keys, path: str, query: str, headers: Mapping[str, str], region: str, now: datetime
) -> dict[str, str]:
    """Return the headers that sign a GET request.

    Args:
        keys: what it is signed with.
        path: of the address, encoded.
        query: of the address, its parts in order and encoded.
        headers: that go with it.
        region: of the bucket.
        now: UTC.
    """
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    own = {"x-amz-content-sha256": _EMPTY, "x-amz-date": stamp}
    if keys.token:
        own["x-amz-security-token"] = keys.token
    told = {name.lower(): value for name, value in {**headers, **own}.items()}
    names = ";".join(sorted(told))
    lines = "".join(f"{name}:{told[name]}\n" for name in sorted(told))
    canonical = f"GET\n{path}\n{query}\n{lines}\n{names}\n{_EMPTY}"
    scope = f"{day}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signing = f"AWS4{keys.secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    signature = hmac.new(signing, text.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**own, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}


def _keys() -> Keys | None:
    """Return the keys of the environment, of AWS's file of credentials, or of boto3; None: do not sign.

    Raises:
        SceneReadError: there are none, and nothing says that none are needed.
    """
    if os.environ.get("AWS_NO_SIGN_REQUEST", "NO").upper() in _YES:
        return None
    access, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if access and secret:
        return Keys(access=access, secret=secret, token=os.environ.get("AWS_SESSION_TOKEN"))
    found = _from_file() or _from_boto3()
    if found is None:
        raise SceneReadError(
            "no credentials for s3:// are known; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_NO_SIGN_REQUEST=YES for a public bucket"
        )
    return found


def _from_file() -> Keys | None:
    """Return the keys of a profile in AWS's shared file."""
    place = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or os.environ.get("CPL_AWS_CREDENTIALS_FILE")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(place or Path.home() / ".aws" / "credentials")
    except (configparser.Error, OSError, RuntimeError):
        return None
    profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    if not parser.has_option(profile, "aws_access_key_id"):
        return None
    own = parser[profile]
    return Keys(
        access=own["aws_access_key_id"],
        secret=own.get("aws_secret_access_key", ""),
        token=own.get("aws_session_token"),
    )


def _from_boto3() -> Keys | None:
    """Return the keys that boto3 finds (roles, single sign-on), where it is installed."""
    try:
        from boto3 import Session  # noqa: PLC0415 - optional
    except ImportError:
        return None
    found = Session().get_credentials()
    frozen = found.get_frozen_credentials() if found else None
    return Keys(access=frozen.access_key, secret=frozen.secret_key, token=frozen.token) if frozen else None
