"""Encoders are built by name; published files load strictly, with the keys that their descriptions state."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.models.networks.encoders.random_weights import weights

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders import build_encoder as module  # noqa: E402
from geoseg.models.networks.encoders.build_encoder import EncoderRequest, build_encoder  # noqa: E402
from geoseg.models.networks.encoders.encoder import About, Encoder  # noqa: E402
from geoseg.models.networks.encoders.timm_encoder import TimmEncoder  # noqa: E402

from geoseg.errors import ModelError, UsageError  # noqa: E402
from geoseg.spec import EncoderSpec  # noqa: E402
from tests.models.networks.encoders.small_encoders import use_small_encoders  # noqa: E402

SIX = ("blue", "green", "red", "nir08", "swir16", "swir22")
NAMES = (
    "prithvi-eo-1.0-100m", "prithvi-eo-2.0-300m-tl", "clay-1.5", "dofa-1-base", "terramind-1.0-base",
    "galileo-nano", "olmoearth-1-nano", "dinov3-sat-large",
)  # fmt: skip
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
    "galileo-nano": ("space_embed.weight", "st_channel_embed"),
    "olmoearth-1-nano": ("encoder.project_and_aggregate.weight", "decoder.cls_token"),
}
"""Keys of the published files that the encoder does not use."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """All descriptions with two narrow blocks, whose files are not the published ones."""
    made = {
        name: item.model_copy(
            update={"weights": item.weights and item.weights.model_copy(update={"sha256": ""})}
        )
        for name, item in use_small_encoders(monkeypatch).items()
    }
    monkeypatch.setattr(module, "encoders", lambda: made)


def described() -> dict[str, EncoderSpec]:
    found: dict[str, EncoderSpec] = vars(module)["encoders"]()
    return found


def every_band(name: str) -> tuple[str, ...]:
    """The bands of the file of an encoder; those of TerraMind's last modality, of which it reads one."""
    known = described()[name]
    kinds = known.modalities[-1:] if known.family == "terramind" else known.modalities
    return tuple(band.name for kind in kinds for band in kind.bands)


def own(name: str) -> dict[str, Any]:
    """The weights of an encoder for all bands of its file, by their names."""
    encoder = build_encoder(EncoderRequest(name=name, bands=every_band(name)))
    state: dict[str, Any] = (encoder.model if isinstance(encoder, TimmEncoder) else encoder).state_dict()
    return state


def published(name: str, path: Path, change: Callable[[dict[str, Any]], None] | None = None) -> Path:
    """Write random weights as the published file of an encoder holds them."""
    known: EncoderSpec = described()[name]
    shapes = {key: tuple(value.shape) for key, value in own(name).items()}
    prefix = known.weights.prefix if known.weights else ""
    state = {f"{prefix}{key}": torch.from_numpy(value) for key, value in weights(shapes).items()}
    state |= {key: torch.zeros(3) for key in BESIDE.get(name, ())}
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
    few = ("dofa", "olmoearth")
    bands = ("blue", "green", "red", "nir", "swir16") if name.startswith(few) else SIX
    loaded = build_encoder(EncoderRequest(name=name, bands=bands, weights=path))
    again = build_encoder(EncoderRequest(name=name, bands=bands, weights=path))
    random = build_encoder(EncoderRequest(name=name, bands=bands))
    assert torch.equal(features(loaded, len(bands)), features(again, len(bands)))
    assert not torch.allclose(features(loaded, len(bands)), features(random, len(bands)))


def batched(keys: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (keys[first : first + size] for first in range(0, len(keys), size))


def kinds(state: dict[str, Any]) -> list[str]:
    """One key of each part: blocks have the same ones."""
    return list({re.sub(r"\.\d+\.", ".0.", key): key for key in state}.values())


@pytest.mark.parametrize("name", [*NAMES, "terramind-1.0-tiny"])
def test_each_missing_unknown_or_mis_shaped_key_is_named(name: str, tmp_path: Path) -> None:
    """Every kind of key of every family, five at a time, since a message names five."""
    known, path = described()[name], tmp_path / "weights.pt"
    prefix = known.weights.prefix if known.weights else ""
    bands, whole = every_band(name), own(name)
    assert len(kinds(whole)) >= 10
    state = torch.load(published(name, path), weights_only=True)
    state = state.get("state_dict", state)
    for keys in batched(sorted(kinds(whole)), 5):
        # A name that OlmoEarth does not have in a table of sensors is that of a sensor it does not read.
        said = [f"{key}s" for key in keys if "per_modality_channel_embeddings" not in key]
        shapes = [f"{key} (1, 5), not {tuple(whole[key].shape)}" for key in keys]
        for changed, message in (
            (lambda key: (f"{key}s", whole[key]), f"missing: {', '.join(keys)}; unknown: {', '.join(said)}"),
            (lambda key: (key, torch.zeros(1, 5)), f"of another shape: {', '.join(shapes)}"),
        ):
            full = {f"{prefix}{key}" for key in keys}
            table = {key: value for key, value in state.items() if key not in full}
            for key in keys:
                other, value = changed(key)
                table[f"{prefix}{other}"] = value
            torch.save(table, path)
            with pytest.raises(ModelError, match=f"{re.escape(f'encoder: {message}')}$"):
                build_encoder(EncoderRequest(name=name, bands=bands, weights=path))


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_other_network_are_unknown(name: str, tmp_path: Path) -> None:
    """Also those that are the beginnings of an encoder's own ones."""
    known = described()[name]
    prefix = known.weights.prefix if known.weights else ""
    parts = {".".join(key.split(".")[:count]) for key in own(name) for count in range(1, 6)}
    names = sorted({*parts, "bias", "weight"} - own(name).keys())
    path = published(name, tmp_path / "weights.pt", lambda state: state.update(
        {f"{prefix}{key}": torch.zeros(1) for key in names}
    ))  # fmt: skip
    with pytest.raises(ModelError, match=r"encoder: unknown: "):
        build_encoder(EncoderRequest(name=name, bands=every_band(name), weights=path))


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
        published(name, tmp_path / "weights.pt")
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
        assert build_encoder(EncoderRequest(name=name, bands=every_band(name))).widths == (64, 64), item
