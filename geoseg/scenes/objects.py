"""List and read objects of S3 and of stores with its protocol, configured by GDAL's environment variables.

GDAL (`/vsis3/`) does not give its listings and texts to other programs, so that folders and metadata files
need separate requests. They are signed with AWS Signature Version 4
(https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).
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
from urllib.request import Request
from xml.etree import ElementTree

from geoseg.errors import SceneReadError
from geoseg.files.web import read_web
from geoseg.scenes.paths import S3

MOST = 20_000
"""Greatest number of objects in a folder of one product."""

_EMPTY = hashlib.sha256(b"").hexdigest()
_SAFE = "-_.~"
_YES = {"YES", "TRUE", "ON", "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Keys that sign requests."""

    access: str
    secret: str
    token: str | None = None


def list_objects(path: str) -> list[str]:
    """Return the names of the objects below a folder, relative to it, sorted; empty if there are none.

    Args:
        path: GDAL's path, `/vsis3/BUCKET/PREFIX`.

    Raises:
        SceneReadError: the bucket cannot be listed, or the folder has more than `MOST` objects.
    """
    bucket, _, prefix = path.removeprefix(S3).partition("/")
    prefix = f"{prefix.rstrip('/')}/" if prefix.strip("/") else ""
    names: list[str] = []
    query = {"list-type": "2", "prefix": prefix}
    while True:
        try:
            root = ElementTree.fromstring(_get(bucket, "", query))  # noqa: S314 - expat bounds entity expansion
        except ElementTree.ParseError as error:
            raise SceneReadError(f"{path}: the server's listing is not XML ({error})") from error
        found = {item.tag.rpartition("}")[2]: item.text or "" for item in root}
        names += [
            key.text.removeprefix(prefix)
            for item in root
            if item.tag.endswith("Contents")
            for key in item
            if key.tag.endswith("Key") and key.text and not key.text.endswith("/")
        ]
        if len(names) > MOST:
            raise SceneReadError(f"{path} has more than {MOST:,} objects; give the folder of one product")
        if found.get("IsTruncated") != "true" or not found.get("NextContinuationToken"):
            return sorted(names)
        query["continuation-token"] = found["NextContinuationToken"]


def read_object(path: str) -> bytes:
    """Return the content of an object.

    Args:
        path: `/vsis3/BUCKET/KEY`.

    Raises:
        SceneReadError: it does not exist or may not be read.
    """
    bucket, _, key = path.removeprefix(S3).partition("/")
    return _get(bucket, key, {})


def _get(bucket: str, key: str, query: Mapping[str, str]) -> bytes:
    """Return the answer to a request, in the region of the bucket.

    Raises:
        SceneReadError: the request is refused, or the server cannot be reached.
    """
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    where = f"s3://{bucket}/{key or query.get('prefix', '')}"
    for last in (False, True):
        try:
            return read_web(_request(bucket, key, query, region)).content
        except SceneReadError:
            raise
        except HTTPError as error:
            actual = error.headers.get("x-amz-bucket-region")
            if actual and actual != region and not last:
                region = actual
                continue
            raise SceneReadError(_refusal(where, error.code)) from error
        except (URLError, OSError) as error:
            raise SceneReadError(f"{where} cannot be reached: {error}; check AWS_S3_ENDPOINT") from error
    raise SceneReadError(f"{where} is in another region; set AWS_REGION")


def _refusal(where: str, code: int) -> str:
    """Return the message for a refused request."""
    if code == 404:
        return f"{where} does not exist; check the path"
    if code in {401, 403}:
        return (
            f"{where} may not be read (HTTP {code}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_NO_SIGN_REQUEST=YES for a public bucket, or AWS_REQUEST_PAYER=requester if the reader pays"
        )
    return f"{where} cannot be read (HTTP {code})"


def _request(bucket: str, key: str, query: Mapping[str, str], region: str) -> Request:
    """Return a request, signed unless AWS_NO_SIGN_REQUEST is set."""
    endpoint = os.environ.get("AWS_S3_ENDPOINT") or f"s3.{region}.amazonaws.com"
    scheme = "https" if os.environ.get("AWS_HTTPS", "YES").upper() in _YES else "http"
    if "://" in endpoint:
        scheme, _, endpoint = endpoint.partition("://")
    virtual = os.environ.get("AWS_VIRTUAL_HOSTING", "YES").upper() in _YES and "." not in bucket
    host = f"{bucket}.{endpoint}" if virtual else endpoint.rstrip("/")
    place = "/".join(filter(None, ("" if virtual else bucket, key)))
    path = "/" + quote(place, safe=f"/{_SAFE}")
    pairs = (f"{quote(name, safe=_SAFE)}={quote(text, safe=_SAFE)}" for name, text in sorted(query.items()))
    encoded = "&".join(pairs)
    headers = {"Host": host}
    if payer := os.environ.get("AWS_REQUEST_PAYER"):
        headers["x-amz-request-payer"] = payer
    credentials = _credentials()
    if credentials is not None:
        headers |= signed(credentials, path, encoded, headers, region, datetime.now(UTC))
    address = f"{scheme}://{host}{path}{f'?{encoded}' if encoded else ''}"
    return Request(address, headers=headers)  # noqa: S310 - http or https


def signed(
    credentials: Credentials,
    path: str,
    query: str,
    headers: Mapping[str, str],
    region: str,
    now: datetime,
) -> dict[str, str]:
    """Return the headers that sign a GET request.

    Args:
        credentials: the keys to sign with.
        path: encoded path of the address.
        query: encoded query of the address, its parts in alphabetical order.
        headers: headers of the request.
        region: region of the bucket.
        now: time of the request (UTC).
    """
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    added = {"x-amz-content-sha256": _EMPTY, "x-amz-date": stamp}
    if credentials.token:
        added["x-amz-security-token"] = credentials.token
    signed_headers = {name.lower(): value for name, value in {**headers, **added}.items()}
    names = ";".join(sorted(signed_headers))
    lines = "".join(f"{name}:{signed_headers[name]}\n" for name in sorted(signed_headers))
    canonical = f"GET\n{path}\n{query}\n{lines}\n{names}\n{_EMPTY}"
    scope = f"{day}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signing = f"AWS4{credentials.secret}".encode()
    for part in (day, region, "s3", "aws4_request"):
        signing = hmac.new(signing, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    signature = hmac.new(signing, text.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={credentials.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    return {**added, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}


def _credentials() -> Credentials | None:
    """Return credentials from the environment, AWS's credentials file or boto3; None: do not sign.

    Raises:
        SceneReadError: there are none, and AWS_NO_SIGN_REQUEST is not set.
    """
    if os.environ.get("AWS_NO_SIGN_REQUEST", "NO").upper() in _YES:
        return None
    access, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if access and secret:
        return Credentials(access=access, secret=secret, token=os.environ.get("AWS_SESSION_TOKEN"))
    found = _from_file() or _from_boto3()
    if found is None:
        raise SceneReadError(
            "there are no credentials for s3://; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_NO_SIGN_REQUEST=YES for a public bucket"
        )
    return found


def _from_file() -> Credentials | None:
    """Return the credentials of a profile in AWS's credentials file; None if there are none."""
    file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or os.environ.get("CPL_AWS_CREDENTIALS_FILE")
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file or Path.home() / ".aws" / "credentials")
    except (configparser.Error, OSError, RuntimeError):
        return None
    profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    if not parser.has_option(profile, "aws_access_key_id"):
        return None
    section = parser[profile]
    return Credentials(
        access=section["aws_access_key_id"],
        secret=section.get("aws_secret_access_key", ""),
        token=section.get("aws_session_token"),
    )


def _from_boto3() -> Credentials | None:
    """Return the credentials of boto3 (roles, single sign-on), if it is installed."""
    try:
        from boto3 import Session  # noqa: PLC0415 - optional
    except ImportError:
        return None
    found = Session().get_credentials()
    frozen = found.get_frozen_credentials() if found else None
    return (
        Credentials(access=frozen.access_key, secret=frozen.secret_key, token=frozen.token)
        if frozen
        else None
    )
