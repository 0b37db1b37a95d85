"""Settings of S3 and of stores with its protocol, by GDAL's environment variables (`/vsis3/`).

GDAL and geoseg read them with the same meaning: AWS_S3_ENDPOINT, AWS_HTTPS, AWS_VIRTUAL_HOSTING, AWS_REGION,
AWS_NO_SIGN_REQUEST, AWS_REQUEST_PAYER, keys, and the profiles of AWS's credentials file.
"""

from __future__ import annotations

import configparser
import os
from dataclasses import dataclass
from pathlib import Path

from geoseg.errors import SceneReadError

REGION = "us-east-1"
"""Region where none is set."""

_YES = {"YES", "TRUE", "ON", "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Keys that sign requests."""

    access: str
    secret: str
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Server of a bucket."""

    scheme: str
    """`http` or `https`."""
    host: str
    """With the port, and with the bucket if it is virtual."""
    virtual: bool
    """Whether the bucket is part of the host, and not of the path."""

    @property
    def address(self) -> str:
        """Address of the server."""
        return f"{self.scheme}://{self.host}"


def is_yes(name: str, default: str = "NO") -> bool:
    """Return whether an environment variable of GDAL is yes, as GDAL reads it."""
    return os.environ.get(name, default).upper() in _YES


def stated_region() -> str | None:
    """Return the region that is set; None: none is."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None


def region() -> str:
    """Return the region that is set, or `REGION`."""
    return stated_region() or REGION


def has_endpoint() -> bool:
    """Return whether the server is not that of AWS."""
    return bool(os.environ.get("AWS_S3_ENDPOINT"))


def endpoint_of(bucket: str, region: str) -> Endpoint:
    """Return the server of a bucket in a region."""
    host = os.environ.get("AWS_S3_ENDPOINT") or f"s3.{region}.amazonaws.com"
    scheme = "https" if is_yes("AWS_HTTPS", "YES") else "http"
    if "://" in host:
        scheme, _, host = host.partition("://")
    virtual = is_yes("AWS_VIRTUAL_HOSTING", "YES") and "." not in bucket
    host = host.rstrip("/")
    return Endpoint(scheme=scheme, host=f"{bucket}.{host}" if virtual else host, virtual=virtual)


def credentials() -> Credentials | None:
    """Return credentials from the environment, AWS's credentials file or boto3; None: do not sign.

    Raises:
        SceneReadError: there are none, and AWS_NO_SIGN_REQUEST is not set.
    """
    if is_yes("AWS_NO_SIGN_REQUEST"):
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
