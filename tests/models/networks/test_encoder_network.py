"""Encoders with decoders: shapes, dates, metadata planes, and what is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks import segmentation  # noqa: E402
from geoseg.models.networks.encoder_network import EncoderNetwork, dates_of_bands, learning_rates  # noqa: E402
from geoseg.models.networks.encoders import build_encoder  # noqa: E402
from geoseg.models.networks.encoders.build_encoder import FAMILIES  # noqa: E402
from geoseg.models.networks.lora import merge_lora  # noqa: E402
from geoseg.models.networks.segmentation import Segmenter, build  # noqa: E402

from geoseg.errors import UsageError  # noqa: E402
from geoseg.spec import NetworkSpec  # noqa: E402
from tests.models.networks.encoders.small_encoders import CASES, use_small_encoders  # noqa: E402

BANDS = ("blue", "green", "red", "nir")
TWO = (*BANDS, *(f"t2:{band}" for band in BANDS))


def made(
    bands: tuple[str, ...] = BANDS, *, size: int = 32, **options: Any
) -> tuple[Segmenter, EncoderNetwork]:
    torch.manual_seed(0)
    spec = NetworkSpec.model_validate(
        {"architecture": "linear", "encoder": "galileo-nano", "weights": "none", **options}
    )
    network = build(spec, bands=bands, classes=3, statistics=[(0, 1)] * len(bands), size=size)
    assert network.encoder_network is not None
    return network, network.encoder_network


@pytest.mark.parametrize("architecture", ["linear", "upernet", "dpt", "unet"])
@pytest.mark.parametrize(
    ("encoder", "planes", "size"),
    [
        ("galileo-nano", 5, (32, 48)),
        ("tu-vit_tiny_patch16_224", 4, (64, 96)),
        ("tu-vit_small_patch14_dinov2", 4, (70, 42)),
        ("tu-convnext_atto", 4, (64, 96)),
    ],
)
def test_logits_have_the_size_of_the_image(
    architecture: str, encoder: str, planes: int, size: tuple[int, int]
) -> None:
    if architecture == "unet" and encoder == "tu-convnext_atto":
        pytest.skip("segmentation-models-pytorch has the U-Net of hierarchical encoders")
    network, body = made(architecture=architecture, encoder=encoder, size=size[0])
    assert (body.encoder.facts > 0) == (planes == 5)
    image = torch.zeros(2, planes, *size)
    assert network.eval()(image).shape == (2, 3, *size)
    assert all(side % network.multiple == 0 for side in size)


def test_the_month_is_read_at_one_pixel() -> None:
    network, _ = made(TWO)
    network.eval()
    image = torch.randn(1, 10, 16, 16)
    image[:, 8:] = 3
    with torch.no_grad():
        scores = network(image)
        image[:, 8:, 1:, :] = 9
        image[:, 8:, :, 1:] = 9
        assert torch.equal(network(image), scores)
        image[:, 9, 0, 0] = 9
        assert not torch.allclose(network(image), scores, atol=1e-6)


def test_dates_are_channel_groups() -> None:
    assert dates_of_bands(TWO) == {"": [0, 1, 2, 3], "t2": [4, 5, 6, 7]}
    mixed = ("t1:red", "t2:red", "t1:nir", "t2:nir")
    assert dates_of_bands(mixed) == {"t1": [0, 2], "t2": [1, 3]}
    with pytest.raises(UsageError, match="same bands"):
        dates_of_bands(("red", "t2:nir"))


def step(network: Segmenter, body: EncoderNetwork) -> None:
    optimiser = torch.optim.AdamW(learning_rates(body, 1e-2, 1.0))
    network.train()
    for _ in range(2):
        optimiser.zero_grad()
        network(torch.randn(2, 5, 32, 32)).square().mean().backward()
        optimiser.step()


def weights_of(body: EncoderNetwork) -> dict[str, Any]:
    return {key: value.clone() for key, value in body.encoder.state_dict().items()}


def test_a_frozen_encoder_is_bit_equal_after_training() -> None:
    network, body = made(train="frozen")
    # Lightning trains in the mode that it finds.
    assert not body.encoder.training
    assert body.decoder.training
    before = weights_of(body)
    step(network, body)
    assert not body.encoder.training
    assert all(torch.equal(value, before[key]) for key, value in weights_of(body).items())


@pytest.mark.parametrize(
    ("train", "trained"),
    [("last-1", {"blocks.3."}), ("lora", {".up", ".down"}), ("full", {"blocks.0.", "space_time_embed."})],
)
def test_only_what_is_asked_for_is_trained(train: str, trained: set[str]) -> None:
    network, body = made(train=train)
    before = weights_of(body)
    step(network, body)
    moved = {key for key, value in weights_of(body).items() if not torch.equal(value, before[key])}
    assert moved
    if train != "full":
        assert all(any(part in key for part in trained) for key in moved), moved
    assert all(any(part in key for key in moved) for part in trained)
    assert not {"pos_embed", "month_embed.weight"} & moved


def of_family(
    family: str, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> tuple[Segmenter, EncoderNetwork, Any]:
    """A narrow encoder of a family with a linear decoder, and images that it reads."""
    depth = use_small_encoders(monkeypatch)["clay-1.5"].depth
    monkeypatch.setattr(segmentation, "encoders", vars(build_encoder)["encoders"])
    case = CASES[family]
    prefixes = ["", *(f"t{date}:" for date in range(2, case.dates + 1))]
    bands = tuple(f"{prefix}{band}" for prefix in prefixes for band in case.bands)
    network, body = made(bands, size=case.side, encoder=case.name, patch=case.patch, **options)
    assert family == "timm" or len(body.encoder.stages()) == depth
    images = torch.randn(2, len(bands) + body.encoder.facts, case.side, case.side)
    images[:, len(bands) :] = 3
    return network, body, images


@pytest.mark.parametrize("train", ["frozen", "last-1", "lora", "full"])
@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_trains_what_is_asked_for(
    family: str, train: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, body, images = of_family(family, monkeypatch, train=train, lora_rank=2)
    before = weights_of(body)
    optimiser = torch.optim.AdamW(learning_rates(body, 1e-2, 1.0))
    network.train()
    for _ in range(2):
        optimiser.zero_grad()
        network(images).square().mean().backward()
        optimiser.step()
    after = weights_of(body)
    moved = {key for key, value in after.items() if not torch.equal(value, before[key])}
    last = {
        key
        for key in moved
        if any(f".{len(body.encoder.stages()) - 1}." in f".{part}" for part in (key, f".{key}"))
    }
    if train == "frozen":
        assert not moved
    elif train == "last-1":
        assert moved
        assert moved == last
    elif train == "lora":
        assert moved
        assert all(key.endswith((".up", ".down")) for key in moved)
        assert {key.rpartition(".")[0] for key in moved} == {
            key.rpartition(".")[0] for key in after if key.endswith(".up")
        }
    else:
        held = {name for name, weight in body.encoder.named_parameters() if not weight.requires_grad}
        assert {name for name, _ in body.encoder.named_parameters()} - held <= moved


@pytest.mark.parametrize("family", FAMILIES)
def test_merged_corrections_of_each_family_equal_unmerged_ones(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, body, images = of_family(family, monkeypatch, train="lora", lora_rank=2)
    network.eval()
    with torch.no_grad():
        plain = network(images)
        for name, weight in body.encoder.named_parameters():
            if name.endswith(".up"):
                weight.normal_(0, 0.1)
        corrected = network(images)
        assert not torch.allclose(plain, corrected, atol=1e-4)
        merge_lora(body.encoder)
        scale = float(corrected.abs().max())
        torch.testing.assert_close(network(images) / scale, corrected / scale, atol=1e-6, rtol=0)


@pytest.mark.parametrize("family", ["galileo", "olmoearth", "prithvi"])
def test_each_plane_of_metadata_is_read_at_one_pixel(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, body, images = of_family(family, monkeypatch)
    assert body.encoder.facts > 1
    if family == "prithvi":
        body.encoder.temporal_embed_enc.scale.data.fill_(1.0)
        body.encoder.location_embed_enc.scale.data.fill_(1.0)
    network.eval()
    with torch.no_grad():
        scores = network(images)
        for plane in range(images.shape[1] - body.encoder.facts, images.shape[1]):
            changed = images.clone()
            changed[:, plane, 1:] = changed[:, plane, :, 1:] = 9
            assert torch.equal(network(changed), scores), plane
            changed[:, plane, 0, 0] = 9
            assert not torch.allclose(network(changed), scores, atol=1e-7), plane


def test_lower_blocks_learn_slower() -> None:
    _, body = made()
    groups = learning_rates(body, 1.0, 0.5)
    rates = {id(weight): group["lr"] for group in groups for weight in group["params"]}  # type: ignore[attr-defined]
    assert rates[id(body.head.weight)] == 1.0
    assert rates[id(body.encoder.stages()[3].norm1.weight)] == 0.5
    assert rates[id(body.encoder.stages()[0].norm1.weight)] == 0.5**4
    assert rates[id(body.encoder.space_time_embed["S2_RGB"].proj.weight)] == 0.5**5


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"train": "last-9"}, "4 blocks"),
        ({"encoder": "tu-convnext_atto", "train": "lora"}, "no attention"),
        ({"encoder": "tu-no_such"}, "no encoder no_such"),
        ({"patch": 9}, "patches of 1 to 8"),
        ({"features": "water-indices"}, "takes no features"),
        ({"encoder": "tu-vit_tiny_patch16_224", "patch": 8}, "network.patch"),
    ],
)
def test_what_an_encoder_cannot_do_is_said(options: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        made(**options)


def test_all_weights_are_those_of_the_file_or_named(weights_dir: Path) -> None:
    network, body = made()
    spec = NetworkSpec(architecture="linear", encoder="galileo-nano")
    file = weights_dir / "galileo-nano" / "encoder.pt"
    real = build(spec, bands=BANDS, classes=3, statistics=[(0, 1)] * 4, size=32, weights=file)
    assert real.encoder_network is not None
    published = torch.load(file, weights_only=True, map_location="cpu")
    for key, value in real.encoder_network.encoder.state_dict().items():
        assert torch.equal(value, published[key])
    assert network.body is body
