"""The folder of models that flood maps choose from."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoseg.spec import ModelSpec


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own folder of models, and none installed."""
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr("geoseg.tasks.flood.choose_network.list_models", lambda: _own(tmp_path / "models"))
    return tmp_path / "models"


def _own(folder: Path) -> tuple[ModelSpec, ...]:
    from geoseg.bundles.find import find_model  # noqa: PLC0415

    return tuple(find_model(str(path)) for path in sorted(folder.iterdir()))
