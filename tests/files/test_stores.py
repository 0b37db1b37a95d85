"""Objects of a store, by moto's server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from geoseg.errors import GeosegError, OutputError, RuntimeMissingError, SceneReadError
from geoseg.files import stores
from geoseg.files.output_files import OutputFiles
from geoseg.files.store_path import StorePath
from tests.stores import BUCKET, empty_bucket, keys, refusing, serving_s3, variables


@pytest.fixture(scope="module")
def module_server() -> Iterator[str]:
    with serving_s3() as place:
        yield place


@pytest.fixture
def server(module_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A server with an empty bucket, to which the environment leads."""
    empty_bucket(module_server)
    lead(module_server, monkeypatch)
    return module_server


def lead(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables(place).items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_NO_SIGN_REQUEST", "GEOSEG_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def path(key: str, bucket: str = BUCKET) -> StorePath:
    return StorePath(f"s3://{bucket}/{key}")


def file(folder: Path, content: bytes) -> Path:
    made = folder / "content"
    made.write_bytes(content)
    return made


@pytest.mark.parametrize("size", [0, 10, 3000])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_object_whole_or_in_parts(
    server: str, tmp_path: Path, size: int, overwrite: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "AT_ONCE", 1000)
    content = bytes(range(250)) * (size // 250) + b"x" * (size % 250)
    target = path("maps/a.gpkg")
    assert not target.exists()
    stores.upload(file(tmp_path, content), target, overwrite=overwrite)
    assert target.exists()
    assert target.read_bytes() == content


def test_an_upload_of_many_parts(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of S3 have 5 MiB or more."""
    content = bytes(range(256)) * (12 * 2**12)
    monkeypatch.setattr(stores, "PART", 5 * 2**20)
    stores.upload(file(tmp_path, content), path("large"), overwrite=True)
    assert stores.read_object(path("large")) == content


def test_an_object_is_replaced_on_request_only(server: str, tmp_path: Path) -> None:
    stores.upload(file(tmp_path, b"old"), path("a"), overwrite=False)
    with pytest.raises(OutputError, match=rf"s3://{BUCKET}/a: exists; add `--overwrite`"):
        stores.upload(file(tmp_path, b"new"), path("a"), overwrite=False)
    assert path("a").read_bytes() == b"old"
    stores.upload(file(tmp_path, b"new"), path("a"), overwrite=True)
    assert path("a").read_text() == "new"


def test_objects_are_listed_copied_and_removed(server: str, tmp_path: Path) -> None:
    for key in ("one/b", "one/a", "one/sub/c", "oneself/d"):
        stores.upload(file(tmp_path, key.encode()), path(key), overwrite=False)
    assert stores.list_objects(path("one"), most=9) == ["a", "b", "sub/c"]
    with pytest.raises(SceneReadError, match="more than 2 objects"):
        stores.list_objects(path("one"), most=2)
    stores.copy_object(path("one/a"), path("e"))
    path("one/a").unlink()
    path("one/a").unlink()
    assert keys(server) == ["e", "one/b", "one/sub/c", "oneself/d"]


def test_a_bucket_that_is_missing(server: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"there is no s3://none; create it"):
        stores.check_store(path("a", "none"))
    with pytest.raises(OutputError, match=r"s3://none/a: cannot be written.*NoSuchBucket"):
        stores.upload(file(tmp_path, b""), path("a", "none"), overwrite=True)


def test_keys_that_are_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing(server, "HEAD .*") as place:
        lead(place, monkeypatch)
        with pytest.raises(OutputError, match=r"s3://bucket/a: .*check the credentials \(AWS_ACCESS_KEY_ID"):
            path("a").exists()


def test_keys_that_may_not_list(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with refusing(server, f"GET /{BUCKET}$") as place:
        lead(place, monkeypatch)
        stores.check_store(path("a"))


def test_a_server_that_is_not_there(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_S3_ENDPOINT", "127.0.0.1:9")
    with pytest.raises(OutputError, match="check the address, the credentials and the network") as caught:
        path("a").exists()
    assert "\n" not in str(caught.value)


def test_offline(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEOSEG_OFFLINE", "1")
    with pytest.raises(OutputError, match="--offline"):
        path("a").exists()
    with pytest.raises(SceneReadError, match="--offline"):
        path("a").read_bytes()


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    for call in (lambda: path("a").exists(), lambda: path("a").read_bytes()):
        with pytest.raises(RuntimeMissingError, match=r"pip install 'geoseg\[cloud\]'"):
            call()


def test_the_region_is_that_which_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    lead("127.0.0.1:9", monkeypatch)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    config, http = stores._s3("bucket")
    assert config["region"] == "eu-central-1"
    assert http


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_ACCESS_KEY": "k"},
            {"account_name": "a", "account_key": "k"},
        ),
        (
            {"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_SAS_TOKEN": "s=1"},
            {"account_name": "a", "sas_key": "s=1"},
        ),
        (
            {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=a;AccountKey=k==;BlobEndpoint=http://h:1/a"},
            {"account_name": "a", "account_key": "k==", "endpoint": "http://h:1/a"},
        ),
        (
            {"AZURE_STORAGE_ACCOUNT": "a", "AZURE_NO_SIGN_REQUEST": "YES"},
            {"account_name": "a", "skip_signature": True},
        ),
    ],
)
def test_azure_by_the_variables_of_gdal(
    variables: dict[str, str], expected: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ACCOUNT", "ACCESS_KEY", "SAS_TOKEN", "CONNECTION_STRING"):
        monkeypatch.delenv(f"AZURE_STORAGE_{name}", raising=False)
    monkeypatch.delenv("AZURE_NO_SIGN_REQUEST", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert stores._azure() == expected


def write(targets: list[Path], content: str, *, overwrite: bool) -> None:
    """Write a set of outputs."""
    with OutputFiles(targets, overwrite=overwrite) as files:
        for target in targets:
            files.path(target).write_text(f"{content} {target.name}")
        files.commit()


TARGETS = ["map.fgb", "map.scene.fgb", "classes.tif"]


def test_a_set_of_outputs(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    targets: list[Path] = [path(f"maps/{name}") for name in TARGETS]
    write(targets, "old", overwrite=False)
    with pytest.raises(OutputError, match="exists"):
        write(targets, "new", overwrite=False)
    write(targets, "new", overwrite=True)
    assert keys(server) == sorted(f"maps/{name}" for name in TARGETS)
    assert [target.read_text() for target in targets] == [f"new {name}" for name in TARGETS]
    assert not list(tmp_path.iterdir()), "scratch files stay"


@pytest.mark.parametrize("refused", TARGETS)
@pytest.mark.parametrize("existing", [False, True])
def test_outputs_that_fail_change_nothing(
    server: str, tmp_path: Path, refused: str, existing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever of them the store refuses: no new object, the old ones as they were."""
    targets: list[Path] = [*(path(f"maps/{name}") for name in TARGETS), tmp_path / "picture.png"]
    if existing:
        write(targets, "old", overwrite=False)
    before = keys(server)
    with refusing(server, f"PUT .*/{refused}$") as place:
        lead(place, monkeypatch)
        with pytest.raises(OutputError, match=rf"{refused}: cannot be written"):
            write(targets, "new", overwrite=existing)
    lead(server, monkeypatch)
    assert keys(server) == before
    assert [target.read_text() for target in targets if target.exists()] == (
        [f"old {target.name}" for target in targets] if existing else []
    )


def test_the_first_output_is_the_last_to_be_uploaded(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who finds it may read the others."""
    order: list[str] = []
    real = stores.upload

    def noted(made: Path, target: StorePath, *, overwrite: bool) -> None:
        order.append(target.name)
        real(made, target, overwrite=overwrite)

    monkeypatch.setattr(stores, "upload", noted)
    write([path(name) for name in TARGETS], "new", overwrite=False)
    assert order == TARGETS[::-1]


def test_errors_are_of_geoseg(server: str) -> None:
    with pytest.raises(GeosegError):
        OutputFiles([path("")], overwrite=True).__enter__()
