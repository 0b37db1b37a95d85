"""Encoders are built by name; published files load strictly, with the keys that their descriptions state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.models.networks.encoders.random_weights import weights

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders import build_encoder as module  # noqa: E402
from geoseg.models.networks.encoders.build_encoder import EncoderRequest, build_encoder  # noqa: E402
from geoseg.models.networks.encoders.encoder import About, Encoder  # noqa: E402

from geoseg.errors import ModelError, UsageError  # noqa: E402
from geoseg.spec import EncoderSpec  # noqa: E402
from geoseg.spec.presets import encoders  # noqa: E402

SIX = ("blue", "green", "red", "nir08", "swir16", "swir22")
NAMES = ("prithvi-eo-1.0-100m", "prithvi-eo-2.0-300m-tl", "clay-1.5", "dofa-1-base", "terramind-1.0-base")
BESIDE = {
    "prithvi-eo-1.0-100m": ("pos_embed", "decoder_blocks.0.attn.qkv.weight", "mask_token"),
    "prithvi-eo-2.0-300m": ("encoder.pos_embed", "decoder.decoder_norm.weight", "decoder.mask_token"),
    "prithvi-eo-2.0-300m-tl": ("encoder.pos_embed", "decoder.temporal_embed_dec.scale"),
    "clay-1.5": ("model.decoder.mask_patch", "model.proj.weight"),
    "terramind-1.0-base": (
        "decoder.0.norm1.weight",
        "decoder_proj_context.weight",
        "decoder_embeddings.tok_dem@224.token_emb.weight",
        "mask_token",
        "encoder_embeddings.untok_sen2l2a@224.pos_emb",
        "encoder_embeddings.untok_dem@224.proj.weight",
        "encoder.0.norm1.bias",
        "encoder_norm.bias",
    ),
    "dofa-1-base": ("mask_token", "norm.weight", "projector.weight"),
}
"""Keys of the published files that the encoder does not use."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """All descriptions with two narrow blocks, whose files are not the published ones."""
    narrow = {"width": 64, "depth": 2, "heads": 1, "layers": (0, 1)}
    made = {
        name: item.model_copy(
            update={**narrow, "weights": item.weights and item.weights.model_copy(update={"sha256": ""})}
        )
        for name, item in encoders().items()
    }
    monkeypatch.setattr(module, "encoders", lambda: made)


def described() -> dict[str, EncoderSpec]:
    found: dict[str, EncoderSpec] = vars(module)["encoders"]()
    return found


def published(name: str, path: Path, change: Callable[[dict[str, Any]], None] | None = None) -> Path:
    """Write random weights as the published file of an encoder holds them."""
    known: EncoderSpec = described()[name]
    assert known.weights is not None
    # TerraMind has a modality at a time, and the bands of the tests are of the last one.
    bands = known.modalities[-1].bands if known.family == "terramind" else known.bands.values()
    encoder = build_encoder(EncoderRequest(name=name, bands=tuple(band.name for band in bands)))
    shapes = {key: tuple(value.shape) for key, value in encoder.state_dict().items()}
    state = {
        f"{known.weights.prefix}{key}": torch.from_numpy(value) for key, value in weights(shapes).items()
    }
    state |= {key: torch.zeros(3) for key in BESIDE[name]}
    if change is not None:
        change(state)
    torch.save({"state_dict": state} if known.family == "clay" else state, path)
    return path


def features(encoder: Encoder, bands: int) -> Any:
    generator = torch.Generator().manual_seed(0)
    side = 4 * encoder.multiple
    with torch.no_grad():
        return encoder.eval()(torch.randn(1, 1, bands, side, side, generator=generator), About())[-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_published_file_loads(name: str, tmp_path: Path) -> None:
    path = published(name, tmp_path / "weights.pt")
    bands = SIX if "dofa" not in name else ("blue", "green", "red", "nir", "swir16")
    loaded = build_encoder(EncoderRequest(name=name, bands=bands, weights=path))
    again = build_encoder(EncoderRequest(name=name, bands=bands, weights=path))
    random = build_encoder(EncoderRequest(name=name, bands=bands))
    assert torch.equal(features(loaded, len(bands)), features(again, len(bands)))
    assert not torch.allclose(features(loaded, len(bands)), features(random, len(bands)))


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_unknown_or_mis_shaped_key_is_named(name: str, tmp_path: Path) -> None:
    known = described()[name]
    assert known.weights is not None
    prefix = known.weights.prefix
    key = "encoder_norm.weight" if known.family == "terramind" else "cls_token"

    def rename(state: dict[str, Any]) -> None:
        state[f"{prefix}{key}s"] = state.pop(f"{prefix}{key}")

    def reshape(state: dict[str, Any]) -> None:
        state[f"{prefix}{key}"] = torch.zeros(1, 1, 5)

    for change, message in (
        (rename, f"missing: {key}; unknown: {key}s"),
        (reshape, f"{key} \\(1, 1, 5\\)"),
    ):
        path = published(name, tmp_path / "weights.pt", change)
        with pytest.raises(ModelError, match=message):
            build_encoder(EncoderRequest(name=name, bands=SIX[:3], weights=path))


@pytest.mark.parametrize("bands", [SIX, ("green", "red"), ("red", "nir"), ("red", "rededge071", "swir22")])
def test_prithvi_takes_any_optical_bands_by_wavelength(bands: tuple[str, ...], tmp_path: Path) -> None:
    name = "prithvi-eo-2.0-300m"
    path = published(name, tmp_path / "weights.pt")
    encoder = build_encoder(EncoderRequest(name=name, bands=bands, weights=path))
    assert features(encoder, len(bands)).shape == (1, 64, 4, 4)
    kernel = encoder.state_dict()["patch_embed.proj.weight"]
    stored = torch.load(path)["encoder.patch_embed.proj.weight"]
    if set(bands) <= set(SIX):
        expected = stored[:, [SIX.index(band) for band in bands]] * len(SIX) / len(bands)
        assert torch.allclose(kernel, expected)


@pytest.mark.parametrize("name", ["prithvi-eo-2.0-300m", "dofa-1-base", "dinov3-sat-large"])
def test_radar_has_no_wavelength(name: str, tmp_path: Path) -> None:
    """Not even that which Clay states for it."""
    request = EncoderRequest(name=name, bands=("red", "vv"), weights=tmp_path / "weights.pt")
    if name == "prithvi-eo-2.0-300m":
        published(name, tmp_path / "weights.pt")
    if name == "dinov3-sat-large":
        pytest.skip("its published size is too large for a test")
    with pytest.raises(UsageError, match="vv has none"):
        build_encoder(request)


@pytest.mark.parametrize(
    ("name", "dates", "message"),
    [("clay-1.5", 2, "takes 1 to 1 dates"), ("prithvi-eo-1.0-100m", 4, "takes 1 to 3 dates")],
)
def test_the_number_of_dates_is_limited(name: str, dates: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build_encoder(EncoderRequest(name=name, bands=SIX, dates=dates))


def test_every_description_has_a_family() -> None:
    for name, item in described().items():
        if item.family != "timm":
            kinds = item.modalities[-1:] if item.family == "terramind" else item.modalities
            bands = tuple(band.name for kind in kinds for band in kind.bands)
            assert build_encoder(EncoderRequest(name=name, bands=bands)).widths == (64, 64)
