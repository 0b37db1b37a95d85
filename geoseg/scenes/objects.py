"""List and read objects of S3 and of stores with its protocol, configured by GDAL's environment variables.

GDAL (`/vsis3/`) does not give its listings and texts to other programs, so that folders and metadata files
need separate requests. They are signed with AWS Signature Version 4
(https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request
from xml.etree import ElementTree

from geoseg.errors import SceneReadError
from geoseg.files.aws_settings import Credentials, credentials, endpoint_of, region
from geoseg.files.web import read_web
from geoseg.scenes.paths import S3

MOST = 20_000
"""Greatest number of objects in a folder of one product."""

_EMPTY = hashlib.sha256(b"").hexdigest()
_SAFE = "-_.~"


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
    place = region()
    where = f"s3://{bucket}/{key or query.get('prefix', '')}"
    for last in (False, True):
        try:
            return read_web(_request(bucket, key, query, place)).content
        except SceneReadError:
            raise
        except HTTPError as error:
            actual = error.headers.get("x-amz-bucket-region")
            if actual and actual != place and not last:
                place = actual
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
    server = endpoint_of(bucket, region)
    place = "/".join(filter(None, ("" if server.virtual else bucket, key)))
    path = "/" + quote(place, safe=f"/{_SAFE}")
    pairs = (f"{quote(name, safe=_SAFE)}={quote(text, safe=_SAFE)}" for name, text in sorted(query.items()))
    encoded = "&".join(pairs)
    headers = {"Host": server.host}
    if payer := os.environ.get("AWS_REQUEST_PAYER"):
        headers["x-amz-request-payer"] = payer
    keys = credentials()
    if keys is not None:
        headers |= signed(keys, path, encoded, headers, region, datetime.now(UTC))
    address = f"{server.address}{path}{f'?{encoded}' if encoded else ''}"
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
