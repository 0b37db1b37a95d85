"""What several test files need: the folders of real rasters and of published weights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:
    # There is a worker a core: with a thread a core in each, waiting threads of OpenMP take half of the time.
    # Libraries read this when they are imported, and commands that tests start inherit it.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import pytest
from hypothesis import settings

from tests import cloud_networks
from tests.messages import Messages, listening

# A busy machine is no defect of the code.
settings.register_profile("geoseg", deadline=None)
settings.load_profile("geoseg")

cloud_networks.hide()

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache for the tests alone, so that they neither use nor change what the user has measured."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GEOSEG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real rasters; the test is skipped where they are not."""
    folder = Path(os.environ.get("GEOSEG_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real rasters at {folder}; set GEOSEG_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    """Published weights of encoders; the test is skipped where they are not."""
    folder = Path(os.environ.get("GEOSEG_TEST_WEIGHTS", ROOT.parent / "shared" / "weights"))
    if not folder.is_dir():
        pytest.skip(f"no weights at {folder}; set GEOSEG_TEST_WEIGHTS")
    return folder


@pytest.fixture
def messages() -> Iterator[Messages]:
    """Notes and warnings that the package logs during a test."""
    with listening() as found:
        yield found


@pytest.fixture
def real_cloud_networks() -> Iterator[None]:
    """The networks of the extra `clouds`; the test is skipped where they are not installed."""
    cloud_networks.show()
    try:
        if not cloud_networks.installed():
            pytest.skip("ukis-csmask is not installed: pip install 'geoseg[clouds]'")
        yield
    finally:
        cloud_networks.hide()
