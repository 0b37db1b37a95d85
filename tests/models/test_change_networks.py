"""Networks of two dates: shapes, symmetry, tokens, and graphs of any batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from geoseg.models.networks.change.build import dates_of
from geoseg.models.networks.change.changevit import ChangeViT
from geoseg.models.networks.segmentation import build

from geoseg.errors import UsageError
from geoseg.spec import TWO_DATES, NetworkSpec
from geoseg.train.export import Scoring, to_onnx

ENCODERS = {"changeformer": "mit_b0", "changevit": "tu-vit_tiny_patch16_224"}
PLAIN = ("blue", "green", "red")
BANDS = (*PLAIN, *(f"after:{name}" for name in PLAIN))


def _network(architecture: str, *, bands: tuple[str, ...] = BANDS, classes: int = 2) -> torch.nn.Module:
    torch.manual_seed(0)
    spec = NetworkSpec.model_validate(
        {"architecture": architecture, "encoder": ENCODERS.get(architecture, "resnet18")}
    )
    statistics = [(0.0, 1.0)] * len(bands)
    return build(spec, bands=bands, classes=classes, statistics=statistics).eval()


@pytest.mark.parametrize("architecture", sorted(TWO_DATES))
def test_logits_have_the_size_of_the_image(architecture: str) -> None:
    network = _network(architecture, classes=3)
    with torch.inference_mode():
        logits = network(torch.randn(2, 6, 64, 96))
    assert logits.shape == (2, 3, 64, 96)
    assert torch.isfinite(logits).all()
    assert logits.std() > 0


SLOW = {"bit", "changeformer", "changevit"}


@pytest.mark.parametrize(
    "architecture",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in sorted(TWO_DATES)],
)
def test_exports_with_any_batch(architecture: str, tmp_path: Path) -> None:
    network = Scoring(_network(architecture)).eval()
    path = tmp_path / "net.onnx"
    tile = 64 if architecture == "changevit" else None
    to_onnx(network, 6, path, tile)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for shape in ((1, 6, 64, 64), (3, 6, 64, 64), *(() if tile else ((1, 6, 96, 64),))):
        given = torch.randn(*shape)
        with torch.inference_mode():
            expected = network(given).numpy()
        (found,) = session.run(None, {session.get_inputs()[0].name: given.numpy()})
        assert np.abs(found - expected).max() < 1e-4


def _swapped(planes: torch.Tensor) -> torch.Tensor:
    return torch.cat([planes[:, 3:], planes[:, :3]], dim=1)


@pytest.mark.parametrize("architecture", sorted(TWO_DATES))
def test_the_order_of_the_dates_matters_to_all_but_differences(architecture: str) -> None:
    network = _network(architecture)
    planes = torch.randn(1, 6, 64, 64)
    with torch.inference_mode():
        assert not torch.equal(network(planes), network(_swapped(planes)))


def test_the_skips_of_fc_siam_diff_are_absolute_differences() -> None:
    """With nothing from the deepest features, which are the second date's, order cannot matter."""
    network = _network("fc-siam-diff")
    torch.nn.init.zeros_(network.body.body.rise[0].weight)
    torch.nn.init.zeros_(network.body.body.rise[0].bias)
    planes = torch.randn(1, 6, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(network(planes), network(_swapped(planes)), atol=1e-6)


def test_bit_differs_by_position_only() -> None:
    network = _network("bit")
    torch.nn.init.zeros_(network.body.body.places)
    planes = torch.randn(1, 6, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(network(planes), network(_swapped(planes)), atol=1e-5)


def test_changevit_takes_exactly_the_patch_tokens() -> None:
    network = ChangeViT(3, 1, "vit_little_patch16_reg4_gap_256", pretrained=False).eval()
    assert network.vit.num_prefix_tokens == 4
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        tokens = network.patch_tokens(image)
        everything = network.vit.forward_features(image)
        assert network(image, image).shape == (1, 1, 64, 96)
    assert tokens.shape[1] == 4 * 6
    assert torch.equal(tokens, everything[:, -24:])


def test_changevit_refuses_other_patches() -> None:
    spec = NetworkSpec(architecture="changevit", encoder="tu-vit_tiny_patch16_224").model_copy(
        update={"encoder": "tu-vit_small_patch32_224"}
    )
    with pytest.raises(UsageError, match="patches of 32"):
        build(spec, bands=BANDS, classes=2, statistics=[(0.0, 1.0)] * 6)


def test_either_prefix_names_the_other_date() -> None:
    assert dates_of(("vv", "after:vv")) == ([0], [1])
    assert dates_of(("vv", "before:vv")) == ([1], [0])


@pytest.mark.parametrize(
    "bands", [("red", "nir"), ("red", "after:nir"), ("red", "after:red", "before:red"), ("red", "old:red")]
)
def test_bands_must_be_those_of_two_dates(bands: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="same bands"):
        dates_of(bands)


def test_physics_does_not_go_with_two_dates() -> None:
    with pytest.raises(ValueError, match="leave features and prior out"):
        NetworkSpec(architecture="bit", features="water-indices")


def test_a_unet_takes_the_stacked_dates() -> None:
    network = _network("unet")
    with torch.inference_mode():
        assert network(torch.randn(1, 6, 64, 64)).shape == (1, 1, 64, 64)
