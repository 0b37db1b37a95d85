"""What several test files need: the folder of real rasters."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no defect of the code.
settings.register_profile("geoseg", deadline=None)
settings.load_profile("geoseg")

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real rasters; the test is skipped where they are not."""
    folder = Path(os.environ.get("GEOSEG_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real rasters at {folder}; set GEOSEG_TEST_DATA")
    return folder
