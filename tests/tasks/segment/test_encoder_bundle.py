"""An encoder as a bundle: equal to the authors' features, exported once, and refused where it cannot work."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from geoseg.bundles.find import check_bundle, find_model
from geoseg.errors import ModelError, RuntimeMissingError, UsageError
from geoseg.runtimes.choose import open_session
from geoseg.runtimes.loading import runtime_module
from geoseg.spec.presets import encoders
from geoseg.tasks.segment.encoder_bundle import EncoderBundle, EncoderChoice, default_tile, encoder_bundle

NANO = "galileo-nano"
EXPORT = "geoseg.models.networks.encoders.export_encoder"
BUILD = "geoseg.models.networks.encoders.build_encoder"
PLAIN = EncoderChoice(name=NANO, weights="none", patch=4, tile=16)
RGB = ("blue", "green", "red")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEOSEG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that the tests share: an export takes seconds."""
    return tmp_path_factory.mktemp("exports")


@pytest.fixture
def torch_installed() -> None:
    pytest.importorskip("torch", reason="the extra `train` is not installed")


@pytest.fixture
def exported(
    exports: Path, cache: Path, torch_installed: None, monkeypatch: pytest.MonkeyPatch
) -> EncoderBundle:
    """The plain encoder, exported into the cache of the test."""
    monkeypatch.setenv("GEOSEG_CACHE", str(exports))
    encoder_bundle(PLAIN, RGB)
    shutil.copytree(exports, cache)
    monkeypatch.setenv("GEOSEG_CACHE", str(cache))
    return encoder_bundle(PLAIN, RGB)


def test_prithvi_has_the_features_of_each_date(
    torch_installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = encoders()["prithvi-eo-2.0-tiny-tl"]
    small = tiny.model_copy(update={"depth": 2, "layers": (0, 1), "dates": (1, 4)})
    for module in ("geoseg.tasks.segment.encoder_bundle", BUILD):
        monkeypatch.setattr(f"{module}.encoders", lambda: {small.name: small})
    bands = tuple(band.name for band in small.modalities[0].bands)
    bundle = encoder_bundle(EncoderChoice(name=small.name, weights="none", tile=32), bands, dates=3)
    assert bundle.width == 3 * small.width
    planes = np.zeros((1, len(bundle.model.bands) + len(bundle.model.metadata), 32, 32), np.float32)
    assert features(bundle, planes, "onnxruntime").shape == (1, 3 * small.width, 2, 2)


def features(bundle: EncoderBundle, planes: NDArray[np.float32], runtime: str) -> NDArray[np.float32]:
    opened = open_session(
        bundle.model, runtime=runtime, device="cpu", precision="fp32", tile=bundle.model.tile
    )
    found = opened.session(planes)
    opened.session.close()
    return found


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_features_of_two_dates_equal_those_of_the_authors(
    runtime: str,
    weights_dir: Path,
    exports: Path,
    torch_installed: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GEOSEG_CACHE", str(exports))
    if not runtime_module(runtime).status().usable:
        pytest.skip(f"{runtime} is not installed")
    golden = np.load(weights_dir / NANO / "golden.npz")
    images, months = golden["radar-two-dates.image"], golden["radar-two-dates.months"]
    weights = str(weights_dir / NANO / "encoder.pt")
    choice = EncoderChoice(name=NANO, weights=weights, patch=8, tile=64)
    bundle = encoder_bundle(choice, ("vv", "vh"), dates=2, gsd=10)
    names = [band.name for band in bundle.model.bands]
    assert names == ["t1:vv", "t1:vh", "t2:vv", "t2:vh"]
    assert bundle.model.metadata == ("t1:month", "t2:month")
    planes = np.broadcast_to(months[:, :, None, None], (2, 2, 64, 64))
    batch = np.concatenate([images.reshape(2, 4, 64, 64), planes], axis=1).astype(np.float32)
    found = features(bundle, batch, runtime)
    # Less the pattern of positions, which is the same in every tile and 0 in the mean of a tile.
    pattern = golden["radar-two-dates.features"] - found
    np.testing.assert_allclose(pattern[0], pattern[1], atol=1e-4)
    np.testing.assert_allclose(pattern.mean(axis=(2, 3)), 0, atol=1e-4)


def test_an_export_is_kept_and_needs_no_torch_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch, exported: EncoderBundle
) -> None:
    first = exported
    monkeypatch.setitem(sys.modules, EXPORT, None)
    assert encoder_bundle(PLAIN, RGB) == first
    assert first.model.weights.is_relative_to(cache)
    with pytest.raises(RuntimeMissingError, match=r"geoseg\[train\]"):
        encoder_bundle(PLAIN, ("vv", "vh"))


def test_a_damaged_export_is_made_again(exported: EncoderBundle) -> None:
    first = exported.model
    first.weights.write_bytes(first.weights.read_bytes()[:-9])
    again = encoder_bundle(PLAIN, RGB).model
    assert check_bundle(again.weights.parent)[0].level == "warning"  # there is no card
    assert again.sha256 == first.sha256


def test_no_command_maps_with_features(exported: EncoderBundle) -> None:
    model = exported.model
    with pytest.raises(ModelError, match="geoseg embed"):
        find_model(str(model.weights.parent))


@pytest.mark.parametrize(
    ("choice", "bands", "dates", "text"),
    [
        (EncoderChoice(name="nothing"), RGB, 1, "geoseg has .*galileo-nano"),
        (EncoderChoice(name=NANO, weights="none", patch=9), RGB, 1, "patches of 1 to 8"),
        (EncoderChoice(name=NANO, weights="none"), RGB, 25, "1 to 24 dates"),
        (EncoderChoice(name=NANO, weights="none", patch=4, tile=30), RGB, 1, "multiple of the patch"),
        (
            EncoderChoice(name=NANO, weights="none", patch=4, tile=512),
            RGB,
            1,
            "attends to all others.*`--tile 64`",
        ),
        (EncoderChoice(name=NANO, weights="none", patch=1, tile=16), (*RGB, "nir"), 24, "fewer dates"),
        (EncoderChoice(name=NANO, weights="none"), (*RGB, "vv", "vh"), 1, "one kind of sensor"),
        (EncoderChoice(name=NANO, weights="none"), (), 1, "not none"),
    ],
)
def test_what_is_not_possible_is_refused(
    choice: EncoderChoice, bands: tuple[str, ...], dates: int, text: str
) -> None:
    with pytest.raises(UsageError, match=text):
        encoder_bundle(choice, bands, dates=dates)


@pytest.mark.parametrize(("patch", "tokens", "side"), [(4, 6, 64), (8, 6, 128), (4, 72, 20), (1, 72, 16)])
def test_the_default_tile_has_fewer_patches_for_more_tokens(patch: int, tokens: int, side: int) -> None:
    assert default_tile(encoders()[NANO], patch, tokens) == side
