"""Networks of two dates: shapes, symmetry, tokens, and graphs of any batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.change.changevit import ChangeViT  # noqa: E402
from geoseg.models.networks.change.two_dates import dates_of  # noqa: E402
from geoseg.models.networks.segmentation import build  # noqa: E402

from geoseg.bundles.onnx_operators import read_operators  # noqa: E402
from geoseg.errors import UsageError  # noqa: E402
from geoseg.learn.train.bundle_export import Scoring, to_onnx, write_program  # noqa: E402
from geoseg.runtimes.tensorrt.tensorrt_operators import objections  # noqa: E402
from geoseg.spec import TWO_DATES, NetworkSpec  # noqa: E402

ENCODERS = {"bit": "tu-resnet10t", "changeformer": "mit_b0", "changevit": "tu-test_vit"}
"""Small ones; `test_vit` is a whole transformer of timm with 64 channels."""
PLAIN = ("blue", "green", "red")
BANDS = (*PLAIN, *(f"after:{name}" for name in PLAIN))


def _network(
    architecture: str, *, bands: tuple[str, ...] = BANDS, classes: int = 2, **options: object
) -> Any:
    torch.manual_seed(0)
    encoder = {"encoder": ENCODERS[architecture]} if architecture in ENCODERS else {}
    spec = NetworkSpec.model_validate({"architecture": architecture, **encoder, **options})
    return build(spec, bands=bands, classes=classes, statistics=[(0.0, 1.0)] * len(bands)).eval()


def _planes(*shape: int) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def _swapped(planes: Any) -> Any:
    return torch.cat([planes[:, 3:], planes[:, :3]], dim=1)


def _logits(network: Any, planes: Any) -> Any:
    with torch.inference_mode():
        return network(planes)


@pytest.mark.parametrize("architecture", sorted(TWO_DATES))
@pytest.mark.parametrize(("count", "classes"), [(1, 2), (5, 4)])
def test_logits_have_the_size_of_the_image(architecture: str, count: int, classes: int) -> None:
    names = [f"b{i}" for i in range(count)]
    network = _network(architecture, bands=(*names, *(f"after:{name}" for name in names)), classes=classes)
    logits = _logits(network, _planes(2, 2 * count, 64, 96))
    assert logits.shape == (2, 1 if classes == 2 else classes, 64, 96)
    assert torch.isfinite(logits).all()
    assert (logits.std(dim=(0, 2, 3)) > 0).all()


@pytest.mark.parametrize("architecture", sorted(TWO_DATES))
def test_both_dates_matter(architecture: str) -> None:
    network = _network(architecture)
    planes = _planes(1, 6, 64, 64)
    for channel in (1, 4):
        other = planes.clone()
        other[:, channel] += 1
        assert not torch.allclose(_logits(network, planes), _logits(network, other), atol=1e-4)


@pytest.mark.parametrize("architecture", sorted(TWO_DATES))
def test_sides_that_are_multiples_are_enough(architecture: str) -> None:
    network = _network(architecture, reduce=2)
    spec = NetworkSpec.model_validate(
        {"architecture": architecture, "encoder": ENCODERS.get(architecture, "resnet18"), "reduce": 2}
    )
    assert spec.multiple == max(32, spec.stride)
    assert _logits(network, _planes(1, 6, spec.stride, 2 * spec.stride)).shape[-2:] == (
        spec.stride,
        2 * spec.stride,
    )


EXPORTED = [
    pytest.param("fc-siam-diff", None),
    *(pytest.param(name, None, marks=pytest.mark.slow) for name in ("fc-ef", "fc-siam-conc", "bit")),
    pytest.param("changeformer", None, marks=pytest.mark.slow),
    pytest.param("changevit", 64, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("architecture", "tile"), EXPORTED)
def test_exports_with_any_batch(architecture: str, tile: int | None, tmp_path: Path) -> None:
    network = Scoring(_network(architecture)).eval()
    before = _logits(network, _planes(1, 6, 64, 64))
    path = tmp_path / "net.onnx"
    to_onnx(network, 6, path, tile)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for batch, height, width in ((1, 64, 64), (3, 64, 64), *(() if tile else ((1, 96, 64),))):
        given = _planes(batch, 6, height, width)
        (found,) = session.run(None, {session.get_inputs()[0].name: given.numpy()})
        assert np.abs(found - _logits(network, given).numpy()).max() < 1e-4
    # What an export fixes does not change what the network says.
    torch.testing.assert_close(_logits(network, _planes(1, 6, 64, 64)), before)
    operators = read_operators(path)
    assert operators.opset == 18
    assert objections(operators, (10, 0)) == ()
    write_program(network, 6, path.with_suffix(".pt2"), tile)
    program = torch.export.load(path.with_suffix(".pt2")).module()
    with torch.inference_mode():
        np.testing.assert_allclose(program(given).numpy(), found, rtol=0, atol=1e-4)


@pytest.mark.parametrize("architecture", ["fc-ef", "fc-siam-conc", "changeformer", "changevit"])
def test_the_order_of_the_dates_matters_to_learned_differences(architecture: str) -> None:
    network = _network(architecture)
    planes = _planes(1, 6, 64, 64)
    assert not torch.allclose(_logits(network, planes), _logits(network, _swapped(planes)), atol=1e-4)


def test_the_skips_of_fc_siam_diff_are_absolute_differences() -> None:
    """With nothing from the deepest features, which are the second date's, order cannot matter."""
    network = _network("fc-siam-diff")
    torch.nn.init.zeros_(network.body.body.rise[0].weight)
    torch.nn.init.zeros_(network.body.body.rise[0].bias)
    planes = _planes(1, 6, 64, 64)
    assert torch.allclose(_logits(network, planes), _logits(network, _swapped(planes)), atol=1e-6)


def test_bit_differs_by_position_only() -> None:
    network = _network("bit")
    planes = _planes(1, 6, 64, 64)
    assert not torch.equal(_logits(network, planes), _logits(network, _swapped(planes)))
    torch.nn.init.zeros_(network.body.body.places)
    assert torch.allclose(_logits(network, planes), _logits(network, _swapped(planes)), atol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "count"),
    [("fc-ef", 1_350_578), ("fc-siam-conc", 1_545_986), ("fc-siam-diff", 1_350_146)],
)
def test_the_u_nets_are_those_of_the_paper(architecture: str, count: int) -> None:
    """Weights of the published networks of three bands and two planes."""
    network = _network(architecture, classes=3)
    of_a_plane = 9 * 16 + 1
    assert sum(part.numel() for part in network.parameters()) - of_a_plane == count


@pytest.mark.parametrize(("name", "others"), [("test_vit2", 1), ("vit_tiny_patch16_dinov3_qkvb", 5)])
def test_changevit_takes_exactly_the_patch_tokens(name: str, others: int) -> None:
    """Registers alone, and a class token with four registers: none of them is a place."""
    network = ChangeViT(3, 1, name, pretrained=False).eval()
    assert network.vit.num_prefix_tokens == others
    image = _planes(1, 3, 64, 96)
    with torch.inference_mode():
        tokens = network.patch_tokens(image)
        everything = network.vit.forward_features(image)
        assert network(image, image).shape == (1, 1, 64, 96)
    assert tokens.shape[1] == 4 * 6
    assert everything.shape[1] == 4 * 6 + others
    assert torch.equal(tokens, everything[:, -24:])


def test_changevit_tied_to_a_size_says_the_same() -> None:
    network = _network("changevit", reduce=2)
    planes = _planes(1, 6, 96, 96)
    before = _logits(network, planes)
    network.fix_size(96)
    torch.testing.assert_close(_logits(network, planes), before)
    with pytest.raises(AssertionError):
        network(_planes(1, 6, 64, 64))


@pytest.mark.parametrize(
    ("encoder", "message"),
    [("tu-vit_small_patch32_224", "patches of 32"), ("tu-resnet10t", "no plain transformer"), ("vit", "vit")],
)
def test_changevit_refuses_what_is_no_plain_transformer(encoder: str, message: str) -> None:
    spec = NetworkSpec(architecture="changevit", encoder=encoder)
    with pytest.raises(UsageError, match=message):
        build(spec, bands=BANDS, classes=2, statistics=[(0.0, 1.0)] * 6)


def test_either_prefix_names_the_other_date() -> None:
    assert dates_of(("vv", "after:vv")) == ([0], [1])
    assert dates_of(("vv", "before:vv")) == ([1], [0])


def test_channels_are_found_by_name() -> None:
    planes = _planes(1, 4, 64, 64)
    expected = _logits(_network("fc-siam-conc", bands=("red", "nir", "after:red", "after:nir")), planes)
    for bands, order in (
        (("red", "after:red", "nir", "after:nir"), [0, 2, 1, 3]),
        (("red", "nir", "before:red", "before:nir"), [2, 3, 0, 1]),
    ):
        found = _logits(_network("fc-siam-conc", bands=bands), planes[:, order])
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "bands",
    [
        ("red", "nir"),
        ("after:red", "after:nir"),
        ("red", "after:nir"),
        ("red", "nir", "after:nir", "after:red"),
        ("red", "nir", "after:red"),
        ("red", "after:red", "before:red"),
        ("red", "old:red"),
    ],
)
def test_bands_must_be_those_of_two_dates(bands: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="same bands"):
        dates_of(bands)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "bit", "features": "water-indices"}, "remove features and prior"),
        ({"architecture": "bit", "depth": 4}, "remove depth and decoder_channels"),
        ({"architecture": "changeformer", "decoder_channels": [64, 32]}, "remove depth and decoder_channels"),
        ({"architecture": "fc-ef", "encoder": "resnet34"}, "remove encoder and pretrained"),
        ({"architecture": "fc-ef", "pretrained": "imagenet"}, "remove encoder and pretrained"),
        ({"architecture": "changevit"}, "plain transformer with patches of 16"),
    ],
)
def test_what_does_not_go_with_two_dates(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkSpec.model_validate(options)


@pytest.mark.parametrize("architecture", ["unet", "fc-siam-diff"])
def test_a_spec_survives_being_written(architecture: str) -> None:
    spec = NetworkSpec.model_validate({"architecture": architecture})
    assert NetworkSpec.model_validate(spec.model_dump(mode="json")) == spec


def test_a_unet_takes_the_stacked_dates() -> None:
    network = _network("unet", encoder="tu-resnet10t", depth=3)
    assert _logits(network, _planes(1, 6, 64, 64)).shape == (1, 1, 64, 64)
