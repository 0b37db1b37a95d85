"""Models that share a name: which one is used is said, and geoseg writes no second one."""

from __future__ import annotations

import logging
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from geoseg.bundles.find import find_model, write_bundle
from geoseg.bundles.installed import hidden_bundles
from geoseg.errors import OutputError
from tests.bundles.networks import make_spec, save_network

ZOO = "water-optical"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "models"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "models"


def own(folder: Path, tmp_path: Path) -> Path:
    """A bundle of the user that has a name of geoseg, by hand."""
    write_bundle(tmp_path / "made", make_spec(save_network(tmp_path / "made.onnx")))
    shutil.copytree(tmp_path / "made", folder)
    return folder


def test_the_model_of_geoseg_is_used_and_the_other_named(
    home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = own(home / ZOO, tmp_path)
    with caplog.at_level(logging.WARNING, "geoseg"):
        assert find_model(ZOO).name == ZOO
    (record,) = caplog.records
    assert vars(record)["code"] == "model-name-shared"
    assert f"`--model {other}`" in record.getMessage()
    caplog.clear()
    assert find_model(str(other)).name == "water-net"
    assert not caplog.records
    assert hidden_bundles() == (other,)


def test_a_folder_here_is_used_before_a_name(
    home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert not home.exists()
    own(Path(ZOO), tmp_path)
    with caplog.at_level(logging.WARNING, "geoseg"):
        assert find_model(ZOO).name == "water-net"
    assert "it is in the current folder" in caplog.text
    caplog.clear()
    find_model(f"./{ZOO}")
    assert not caplog.records


def test_a_copy_is_no_other_model(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.copytree(str(files("geoseg.models").joinpath("zoo", ZOO)), home / ZOO)
    with caplog.at_level(logging.WARNING, "geoseg"):
        find_model(ZOO)
    assert not caplog.records
    assert hidden_bundles() == ()


def test_no_bundle_is_written_under_a_name_of_geoseg(home: Path, tmp_path: Path) -> None:
    spec = make_spec(save_network(tmp_path / "made.onnx"))
    with pytest.raises(OutputError, match=f"geoseg has a model named {ZOO}"):
        write_bundle(home / ZOO, spec)
    assert not (home / ZOO).exists()
    write_bundle(home / "mine", spec)
    write_bundle(tmp_path / ZOO, spec)
