"""`geoseg models describe`: from an ONNX file of another program to a map."""

from __future__ import annotations

import json
import shlex
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from tests.products.ground import WATER, Ground, write_raster
from tests.third_party import BANDS, write_network, write_pooled

Geoseg = Callable[..., tuple[str, str]]
OPTIONS = ("--units", "reflectance", "--mean", "0", "--std", "1", "--classes", "land,water")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A network of three bands that tells water from the rest of made ground."""
    return write_network(tmp_path / "net.onnx", [(1, 2), WATER])


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    ground = Ground()
    stored = np.stack([np.rint(ground.reflectance(band) * 1e4) for band in BANDS]).astype(np.uint16)
    return write_raster(tmp_path / "scene.tif", stored, descriptions=BANDS)


def test_a_lone_network_becomes_a_map(
    network: Path, scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, geoseg: Geoseg
) -> None:
    """Each message gives the next command, which is typed as it stands, but for what only a person knows."""
    monkeypatch.chdir(tmp_path)
    sensor = ("--sensor", "sentinel-2-l2a-harmonised")
    _, err = geoseg("segment", scene, *sensor, "--model", network, "-o", "map.gpkg", code=4)
    command = shlex.split(err.strip().rpartition("; write one: ")[2])
    assert command[:3] == ["geoseg", "models", "describe"]
    _, err = geoseg(*command[1:], *sensor, "--bands", ",".join(BANDS), code=2)
    first, second = err.strip().split("\n")
    assert first.startswith("error: missing: `--scale`, `--mean`, `--std`, `--classes`, `--output`.")
    typed = shlex.split(second)
    typed[typed.index("--classes") + 1] = "land,water"
    out, err = geoseg(*typed[1:])
    assert "guessed activation: softmax (logits: last operator Concat" in out
    assert (tmp_path / "bundle" / "README.md").read_text().startswith("# bundle\n")
    assert "next: geoseg segment SCENE --model bundle" in out
    geoseg("segment", scene, *sensor, "--model", "bundle", "-o", "map.gpkg", "--raster", "map.tif")
    with rasterio.open("map.tif") as made:
        assert (made.read(1) == Ground().water).mean() > 0.99
    assert "no defects found" not in geoseg("models", "check", "bundle")[0]  # no licence is stated
    geoseg("models", "describe", network, *OPTIONS, "--bands", ",".join(BANDS), "-o", "bundle", code=6)


@pytest.mark.parametrize("scored", [2, 4])
def test_scores_of_squares_of_pixels_become_a_map_of_pixels(
    scored: int, scene: Path, tmp_path: Path, geoseg: Geoseg
) -> None:
    """As those of transformers without their last interpolation: the map is that with it in the graph."""
    maps = []
    for inside in (False, True):
        path = write_pooled(tmp_path / f"{inside}.onnx", scored, enlarged=inside)
        bundle = tmp_path / f"bundle-{inside}"
        out, _ = geoseg("models", "describe", path, *OPTIONS, "--bands", ",".join(BANDS), "-o", bundle)
        assert (f"a score for {scored} x {scored} pixels" in out) == (not inside)
        map_path = tmp_path / f"{inside}.tif"
        sensor = ("--sensor", "sentinel-2-l2a-harmonised")
        geoseg(
            "segment",
            scene,
            *sensor,
            "--model",
            bundle,
            "--scores",
            map_path,
            "-o",
            tmp_path / f"{inside}.gpkg",
        )
        with rasterio.open(map_path) as made:
            maps.append(made.read())
    assert len(np.unique(maps[0])) > 20
    assert np.abs(maps[0].astype(int) - maps[1]).max() <= 1


def test_json_has_the_description_and_the_guesses(network: Path, tmp_path: Path, geoseg: Geoseg) -> None:
    out, err = geoseg(
        "models",
        "describe",
        network,
        *OPTIONS,
        "--bands",
        ",".join(BANDS),
        "-o",
        tmp_path / "made",
        "--json",
        "-q",
    )
    made = json.loads(out)
    assert made["model"]["units"] == "reflectance"
    assert {"axes", "planes", "tile", "activation"} <= {entry["fact"] for entry in made["guessed"]}
    assert not err


def test_a_network_may_be_described_in_its_own_folder(network: Path, geoseg: Geoseg) -> None:
    geoseg("models", "describe", network, *OPTIONS, "--bands", ",".join(BANDS), "-o", network.parent)
    assert "described by  bundle" in geoseg("models", "show", network)[0]


def test_a_wrong_description_names_the_command(network: Path, geoseg: Geoseg) -> None:
    (network.parent / "model.json").write_text('{"type": "Feature"}')
    _, err = geoseg("models", "show", network.parent, code=4)
    assert "`geoseg models describe NETWORK.onnx` writes a valid model.json" in err


@pytest.mark.parametrize(
    "command",
    [("models", "describe", "net.pt", "-o", "fields"), ("models", "show", "net.pt"), ("info", "net.pt")],
)
def test_a_torch_file_is_told_how_to_become_onnx(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, geoseg: Geoseg
) -> None:
    monkeypatch.chdir(tmp_path)
    # As torch.save writes it: a ZIP.
    with zipfile.ZipFile("net.pt", "w") as file:
        file.writestr("net/data.pkl", b"")
    _, err = geoseg(*command, code=4)
    assert "net.pt: is a torch file, geoseg runs ONNX files" in err
    assert "geoseg models describe net.onnx" in err
    assert not (tmp_path / "fields").exists()


@pytest.mark.parametrize(
    ("folder", "problem"), [("b", "three or more letters"), ("models/flood-sar", "named")]
)
def test_the_name_of_the_folder_is_checked_first(
    folder: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, geoseg: Geoseg
) -> None:
    monkeypatch.setenv("GEOSEG_MODELS", str(tmp_path / "models"))
    code = 6 if "/" in folder else 2
    _, err = geoseg("models", "describe", "missing.onnx", "-o", tmp_path / folder, code=code)
    assert problem in err
