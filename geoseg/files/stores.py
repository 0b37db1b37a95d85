"""Objects of stores: Amazon S3 and its protocol, Google Cloud Storage, Azure Blob Storage; by obstore.

Each store is configured by the environment variables that GDAL reads for the same store, so that a scene
and the map of it need one configuration; obstore adds the ways that clouds give keys to their machines.
Stores are made anew for each task: keys may expire while a map is made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request

from geoseg.errors import GeosegError, OutputError, RuntimeMissingError, SceneReadError
from geoseg.files import aws_settings
from geoseg.files.media import MEDIA
from geoseg.files.network import TEXT_BYTES, is_offline, offline_text, plain
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.files.store_path import StorePath
from geoseg.files.web import read_web

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PART = 8 * 2**20
"""Bytes of a part of an upload; four parts are in memory at a time."""
PARTS = 10_000
"""Greatest number of parts of an object of S3."""
AT_ONCE = 64 * 2**20
"""Greatest size of a file that is uploaded on condition that there is no object: it is one request."""

_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_ACCESS_KEY or AZURE_STORAGE_SAS_TOKEN",
}
_BODY = re.compile(r"(?::\s*)?<\?xml.*|(?::\s*)?<(?:Error|html)\b.*", re.DOTALL | re.IGNORECASE)
"""Body of an answer in the text of an error."""
_CODE = re.compile(r"<Code>(\w+)</Code>")
_BUNDLES = ("AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
"""Environment variables with the path of a certificate bundle, as of GDAL and others."""


def object_size(path: StorePath) -> int | None:
    """Return the bytes of an object; None if there is none.

    Raises:
        OutputError: the store cannot be reached, does not exist, or refuses the keys.
        RuntimeMissingError: obstore is not installed.
    """
    with _writing(path) as store:
        import obstore  # noqa: PLC0415 - an extra

        try:
            return obstore.head(store, path.key)["size"]
        except FileNotFoundError:
            return None


def check_store(path: StorePath) -> None:
    """Check before any work that there is the store of an output.

    Raises:
        OutputError: the store cannot be reached, does not exist, or refuses the keys.
        RuntimeMissingError: obstore is not installed.
    """
    with _writing(path) as store:
        import obstore  # noqa: PLC0415 - an extra

        try:
            next(iter(obstore.list(store, path.parent.key or None, chunk_size=1)), None)
        except _errors() as error:
            if _is_refusal(error):
                return  # Keys that may write need not be allowed to list.
            if not re.search("NoSuchBucket|ContainerNotFound|bucket does not exist", str(error)):
                raise
            raise OutputError(
                f"{path}: there is no {path.scheme}://{path.bucket}; create it, or write elsewhere"
            ) from error


def upload(file: Path, path: StorePath, *, overwrite: bool) -> None:
    """Write a file to an object: the whole of it, or nothing.

    Raises:
        OutputError: it cannot be written, or there is an object without `overwrite`.
        RuntimeMissingError: obstore is not installed.
    """
    size = file.stat().st_size
    # Without a condition, a writer of the same name since the check would be overwritten unseen.
    alone = not overwrite and size <= AT_ONCE
    kind = MEDIA.get(path.suffix.lower(), "application/octet-stream")
    with _writing(path) as store:
        import obstore  # noqa: PLC0415 - an extra
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415

        try:
            obstore.put(
                store,
                path.key,
                file,
                attributes={"Content-Type": kind},
                mode="create" if alone else "overwrite",
                use_multipart=False if alone else None,
                chunk_size=max(PART, -(-size // (PARTS - 1))),
                max_concurrency=4,
            )
        except AlreadyExistsError as error:
            raise OutputError(f"{path}: exists; add `--overwrite` to replace it") from error


def copy_object(source: StorePath, target: StorePath) -> None:
    """Copy an object within its bucket, without transfer.

    Raises:
        OutputError: the store refuses it.
    """
    with _writing(target) as store:
        import obstore  # noqa: PLC0415 - an extra

        obstore.copy(store, source.key, target.key)


def remove_object(path: StorePath) -> None:
    """Remove an object; nothing happens if there is none.

    Raises:
        OutputError: the store refuses it.
    """
    with _writing(path) as store:
        import obstore  # noqa: PLC0415 - an extra

        try:
            obstore.delete(store, path.key)
        except FileNotFoundError:
            return


def read_object(path: StorePath) -> bytes:
    """Return the content of an object.

    Raises:
        SceneReadError: it cannot be read, or has more than `TEXT_BYTES`.
        RuntimeMissingError: obstore is not installed.
    """
    with _reading(path) as store:
        import obstore  # noqa: PLC0415 - an extra

        result = obstore.get(store, path.key)
        if result.meta["size"] > TEXT_BYTES:
            raise SceneReadError(f"{path} has more than {TEXT_BYTES / 2**20:g} MiB, the limit for a text")
        return bytes(result.bytes())


@contextmanager
def fetched(path: StorePath) -> Iterator[Path]:
    """Copy an object to a scratch folder, for libraries that read files of this machine.

    Raises:
        SceneReadError: it cannot be read.
        OutputError: there is no space for the copy.
        RuntimeMissingError: obstore is not installed.
    """
    with scratch_folder() as folder:
        copy = folder / path.name
        with _reading(path) as store:
            import obstore  # noqa: PLC0415 - an extra

            parts = obstore.get(store, path.key).stream(min_chunk_size=PART)
            with scratching(folder), copy.open("wb") as file:
                for part in parts:
                    file.write(part)
        yield copy


def list_objects(path: StorePath, *, most: int) -> list[str]:
    """Return the names of the objects below a folder, relative to it, sorted; empty if there are none.

    Args:
        path: of the folder.
        most: greatest number of objects.

    Raises:
        SceneReadError: the folder cannot be listed, or has more objects.
        RuntimeMissingError: obstore is not installed.
    """
    prefix, names = f"{path.key}/" if path.key else "", list[str]()
    with _reading(path) as store:
        import obstore  # noqa: PLC0415 - an extra

        for part in obstore.list(store, prefix or None):
            names += [item["path"].removeprefix(prefix) for item in part]
            if len(names) > most:
                raise SceneReadError(f"{path} has more than {most:,} objects; give the folder of one product")
    return sorted(names)


@contextmanager
def _writing(path: StorePath) -> Iterator[ObjectStore]:
    """Open the store of an output.

    Raises:
        OutputError: offline, or the store fails.
    """
    if is_offline():
        raise OutputError(offline_text(path, "write to this machine"))
    try:
        yield _store(path)
    except GeosegError:
        raise
    except _errors() as error:
        raise OutputError(_failure(path, error, "written")) from error


@contextmanager
def _reading(path: StorePath) -> Iterator[ObjectStore]:
    """Open the store of an input.

    Raises:
        SceneReadError: offline, or the store fails.
    """
    if is_offline():
        raise SceneReadError(offline_text(path, "give a file on this machine"))
    try:
        yield _store(path)
    except GeosegError:
        raise
    except FileNotFoundError as error:
        raise SceneReadError(f"{path} does not exist; check the path") from error
    except _errors() as error:
        raise SceneReadError(_failure(path, error, "read")) from error


def _errors() -> tuple[type[Exception], ...]:
    from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra

    return (BaseError, OSError, ValueError)


def _failure(path: StorePath, error: Exception, done: str) -> str:
    """Return what a store reports, in one line, without the queries of addresses, which may sign."""
    whole = str(error)
    code = _CODE.search(whole)
    text = _BODY.sub("", whole.partition("\n\nDebug source")[0]) + (f" ({code[1]})" if code else "")
    words = (word.partition("?")[0] if "://" in word else word for word in text.split())
    refused = _is_refusal(error)
    remedy = (
        f"check the credentials ({_KEYS[path.scheme]}) and their permissions"
        if refused
        else "check the address, the credentials and the network"
    )
    return f"{path}: cannot be {done}: {plain(' '.join(words))}; {remedy}"


def _is_refusal(error: Exception) -> bool:
    """Return whether a store does not allow a request."""
    return (
        isinstance(error, PermissionError) or re.search(r"\b(401|403)\b|AccessDenied", str(error)) is not None
    )


def _store(path: StorePath) -> ObjectStore:
    """Return the store of a path.

    Raises:
        RuntimeMissingError: obstore is not installed.
    """
    try:
        from obstore.store import AzureStore, GCSStore, S3Store  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise RuntimeMissingError(
            f"{path}: stores need the package obstore; pip install 'geoseg[cloud]'"
        ) from error
    common: dict[str, Any] = {
        "retry_config": {"max_retries": 4, "retry_timeout": timedelta(seconds=90)},
        "client_options": {"connect_timeout": timedelta(seconds=20), "timeout": timedelta(seconds=300)},
    }
    bundle = next((os.environ[name] for name in _BUNDLES if os.environ.get(name)), None)
    if bundle and Path(bundle).is_file():
        common["client_options"]["root_certificate"] = Path(bundle).read_bytes()
    if path.scheme == "s3":
        config, http = _s3(path.bucket)
        common["client_options"]["allow_http"] = http
        return S3Store(path.bucket, config=config, **common)
    config = _gcs() if path.scheme == "gs" else _azure()
    address = str(config.get("base_url") or config.get("endpoint") or "")
    common["client_options"]["allow_http"] = address.startswith("http://")
    kind = GCSStore if path.scheme == "gs" else AzureStore
    return kind(path.bucket, config=config, **common)


def _s3(bucket: str) -> tuple[Any, bool]:
    """Return the configuration of a bucket of S3, and whether its server is reached without TLS."""
    region = _region(bucket)
    server = aws_settings.endpoint_of(bucket, region)
    config: dict[str, Any] = {"region": region, "virtual_hosted_style_request": server.virtual}
    if aws_settings.has_endpoint():
        config["endpoint"] = server.address
    if os.environ.get("AWS_REQUEST_PAYER"):
        config["request_payer"] = True
    try:
        keys = aws_settings.credentials()
    except SceneReadError:
        return config, server.scheme == "http"  # obstore asks the machine for its role
    if keys is None:
        config["skip_signature"] = True
    else:
        config |= {"access_key_id": keys.access, "secret_access_key": keys.secret}
        if keys.token:
            config["session_token"] = keys.token
    return config, server.scheme == "http"


def _region(bucket: str) -> str:
    """Return the region of a bucket: that which is set, else AWS says it, without keys."""
    if aws_settings.stated_region() or aws_settings.has_endpoint():
        return aws_settings.region()
    try:
        return _region_at(aws_settings.endpoint_of(bucket, aws_settings.REGION).address)
    except (GeosegError, URLError, OSError):
        return aws_settings.REGION


@lru_cache(maxsize=256)
def _region_at(address: str) -> str:
    """Return the region that AWS states for the address of a bucket; asked once, as it does not change.

    Raises:
        GeosegError: offline.
        OSError: there is no answer.
    """
    try:
        read_web(Request(address, method="HEAD"))  # noqa: S310 - http(s)
    except HTTPError as error:
        return error.headers.get("x-amz-bucket-region") or aws_settings.REGION
    return aws_settings.REGION


def _gcs() -> Any:
    """Return the configuration of Google Cloud Storage; obstore itself reads the file with the keys."""
    config: dict[str, Any] = {}
    if aws_settings.is_yes("GS_NO_SIGN_REQUEST"):
        config["skip_signature"] = True
    if endpoint := os.environ.get("CPL_GS_ENDPOINT"):
        config["base_url"] = endpoint.rstrip("/")
    return config


def _azure() -> Any:
    """Return the configuration of Azure Blob Storage, by GDAL's variables."""
    pairs = os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";")
    given = {name: value for name, _, value in (pair.partition("=") for pair in pairs)}
    found = {
        "account_name": given.get("AccountName") or os.environ.get("AZURE_STORAGE_ACCOUNT"),
        "account_key": given.get("AccountKey") or os.environ.get("AZURE_STORAGE_ACCESS_KEY"),
        "sas_key": given.get("SharedAccessSignature") or os.environ.get("AZURE_STORAGE_SAS_TOKEN"),
        "endpoint": given.get("BlobEndpoint"),
    }
    config: dict[str, Any] = {name: value for name, value in found.items() if value}
    if aws_settings.is_yes("AZURE_NO_SIGN_REQUEST"):
        config["skip_signature"] = True
    return config
