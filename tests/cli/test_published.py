"""`geoseg models list --published`, `models pull` of a published network, and a map with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from geoseg.cli.published import published_text, pull_published

from geoseg.bundles.find import check_bundle, find_model
from geoseg.errors import ModelError, OutputError
from geoseg.spec import PublishedSpec
from geoseg.spec.presets import published_models
from tests.messages import Messages, progress

pytest.importorskip("torch", reason="the extra `train` is not installed")

from tests.published import BURNS, CROPS, FLOOD, OLD, saved, use_small_encoders

Geoseg = Callable[..., tuple[str, str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models; encoders are small."""
    return prepare(tmp_path, monkeypatch)


def prepare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_small_encoders(monkeypatch)
    for name in ("GEOSEG_HUB_MIRROR", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(folder / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("GEOSEG_MODELS", str(folder / "models"))
    return folder / "models"


class Pulled(NamedTuple):
    home: Path
    weights: Path
    spec: PublishedSpec


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pulled]:
    """The flood network, converted once: an export takes seconds."""
    folder = tmp_path_factory.mktemp("pulled")
    with pytest.MonkeyPatch.context() as monkeypatch:
        home = prepare(folder, monkeypatch)
        path, spec = small(folder, FLOOD)
        pull_published(spec, progress, weights=path)
        yield Pulled(home, path, spec)


@pytest.fixture
def pulled(once: Pulled, monkeypatch: pytest.MonkeyPatch) -> Pulled:
    prepare(once.home.parent, monkeypatch)
    return once


def small(folder: Path, name: str) -> tuple[Path, PublishedSpec]:
    """A file of weights and its description, for small tiles where the layout allows them."""
    path, spec = saved(folder, name, 2 if name == FLOOD else 3)
    tile = 224 if spec.layout == "mmseg-fcn" else 64
    return path, spec.model_copy(update={"tile": tile, "overlap": tile // 4})


def check(folder: Path, spec: PublishedSpec) -> None:
    """A complete bundle that says what its description says."""
    assert sorted(item.name for item in folder.iterdir()) == ["README.md", "model.json", "model.onnx"]
    model = find_model(spec.name)
    assert model.weights == folder / "model.onnx"
    assert [band.name for band in model.bands] == list(spec.channel_names)
    assert (model.units, model.scale, model.tile) == (spec.units, spec.scale, spec.tile)
    assert model.encoder.startswith(spec.encoder)
    assert "not trained or measured by geoseg" in (folder / "README.md").read_text()
    assert [item.level for item in check_bundle(spec.name)] == []


def test_a_published_network_becomes_a_bundle(pulled: Pulled) -> None:
    assert [item.name for item in pulled.home.iterdir()] == [FLOOD]
    check(pulled.home / FLOOD, pulled.spec)


@pytest.mark.slow
@pytest.mark.parametrize("name", [BURNS, OLD, CROPS])
def test_networks_of_other_layouts_become_bundles(home: Path, tmp_path: Path, name: str) -> None:
    path, spec = small(tmp_path, name)
    check(pull_published(spec, progress, weights=path), spec)


def test_a_bundle_is_not_replaced_unasked(pulled: Pulled) -> None:
    folder = pulled.home / FLOOD
    before = (folder / "model.onnx").stat().st_mtime_ns
    assert pull_published(pulled.spec, progress) == folder
    with pytest.raises(OutputError, match="--overwrite"):
        pull_published(pulled.spec, progress, weights=pulled.weights)
    assert (folder / "model.onnx").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_copy_in_the_mirror_replaces_a_bundle(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, spec = small(tmp_path, FLOOD)
    copy = tmp_path / "mirror" / spec.weights.url.removeprefix("hub:")
    copy.parent.mkdir(parents=True)
    path.rename(copy)
    monkeypatch.setenv("GEOSEG_HUB_MIRROR", str(tmp_path / "mirror"))
    for overwrite in (False, True):
        check(pull_published(spec, progress, overwrite=overwrite), spec)
    assert copy.is_file()
    assert [item.name for item in home.iterdir()] == [FLOOD]


def test_weights_that_do_not_fit_leave_nothing(home: Path, tmp_path: Path, messages: Messages) -> None:
    path, _ = small(tmp_path, FLOOD)
    spec = published_models()[BURNS].model_copy(
        update={"weights": published_models()[BURNS].weights.model_copy(update={"sha256": ""})}
    )
    with pytest.raises(ModelError, match=f"network of {BURNS}: missing"):
        pull_published(spec, progress, weights=path)
    assert any("licence of the weights: Apache-2.0" in text for text in messages.notes)
    with pytest.raises(ModelError, match="there is no such file"):
        pull_published(spec, progress, weights=tmp_path / "none.pt")
    assert not list(home.iterdir())


def test_a_flood_map_by_the_command(pulled: Pulled, tmp_path: Path, geoseg: Geoseg) -> None:
    scene = tmp_path / "scene.tif"
    values = np.random.default_rng(3).uniform(0.02, 0.4, (6, 150, 170)).astype(np.float32)
    profile = {"driver": "GTiff", "dtype": "float32", "count": 6, "height": 150, "width": 170}
    place = {"crs": "EPSG:32633", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 5e6)}
    with rasterio.open(scene, "w", **profile, **place) as file:
        file.write(values)
        file.descriptions = [band.name for band in pulled.spec.bands]
    geoseg("flood", scene, "--model", FLOOD, "-o", tmp_path / "map.gpkg")
    flooded = gpd.read_file(tmp_path / "map.gpkg", layer="flood")
    assert 0 < flooded.area.sum() < 150 * 170 * 100


def test_the_command_finds_published_networks(home: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    _, err = geoseg("models", "pull", FLOOD, "--weights", tmp_path / "none.pt", code=4)
    assert "there is no such file" in err
    _, err = geoseg("models", "pull", FLOOD, code=3)
    assert "HF_HUB_OFFLINE=1 is set" in err
    _, err = geoseg("models", "pull", "water-optical", "--weights", tmp_path / "none.pt", code=2)
    assert "`--weights` is for encoders and published networks" in err
    assert not list(home.iterdir())


def test_without_the_extra_nothing_is_fetched(
    home: Path, monkeypatch: pytest.MonkeyPatch, geoseg: Geoseg
) -> None:
    monkeypatch.setitem(sys.modules, "geoseg.learn.train.published_bundle", None)
    _, err = geoseg("models", "pull", FLOOD, code=5)
    assert "geoseg[train]" in err
    assert not home.exists()


def test_the_list_says_how_to_get_them(home: Path, geoseg: Geoseg) -> None:
    text = published_text()
    listed = json.loads(geoseg("models", "list", "--published", "--json")[0])["published"]
    assert {item["name"] for item in listed} == set(published_models())
    for name in published_models():
        assert f"geoseg models pull {name}" in text
    assert not home.exists()
    with pytest.raises(ModelError, match=f"geoseg models pull {FLOOD}"):
        find_model(FLOOD)
