"""Fixtures of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.workflows.network_files import (
    Server,
)
from tests.products.server import serving


@pytest.fixture(scope="module")
def module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, "counting") as place:
        yield Server(f"http://{place}", folder)


@pytest.fixture
def server(module_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server without requests so far; S3 leads to it too."""
    (module_server.folder / "requests").unlink(missing_ok=True)
    for name, value in {
        "AWS_S3_ENDPOINT": module_server.address.removeprefix("http://"),
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
        "AWS_NO_SIGN_REQUEST": "YES",
        "GEOSEG_OFFLINE": "",
        "PROJ_NETWORK": "OFF",
    }.items():
        monkeypatch.setenv(name, value)
    return module_server
