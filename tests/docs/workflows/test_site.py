"""The website has no dead links, and every command has a manual page with its options."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_documentation_is_built() -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is not installed")
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "site.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    site, man = ROOT / "build" / "site", ROOT / "build" / "man"
    for name in ("flood", "python", "BENCHMARKS", "SECURITY"):
        assert (site / name / "index.html").is_file(), name
    assert "fonts.googleapis" not in (site / "index.html").read_text()
    page = (man / "geoseg-methane-plume.1").read_text()
    assert page.startswith('.TH "GEOSEG METHANE PLUME" "1"')
    assert ".B \\-\\-wind" in page
    assert ".B plume" in (man / "geoseg-methane.1").read_text()
