"""Networks of every architecture give what geoseg runs, and their physics is that of the methods."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.physics import (  # noqa: E402
    Backscatter,
    Darkening,
    Denormalise,
    Differences,
    TwoDates,
    WaterIndices,
    box_mean,
)
from geoseg.models.networks.segmentation import build  # noqa: E402

from geoseg.errors import UsageError  # noqa: E402
from geoseg.methods.water_index import mndwi, ndwi  # noqa: E402
from geoseg.spec import NetworkSpec  # noqa: E402

HLS = ("blue", "green", "red", "nir", "swir16", "swir22")


@pytest.mark.parametrize(
    ("architecture", "encoder"),
    [
        ("unet", "resnet18"),
        ("unetplusplus", "tu-resnet10t"),
        ("deeplabv3plus", "resnet18"),
        ("fpn", "resnet18"),
        ("segformer", "mit_b0"),
    ],
)
def test_architectures_take_any_bands(architecture: str, encoder: str) -> None:
    spec = NetworkSpec.model_validate({"architecture": architecture, "encoder": encoder})
    for bands, classes in ((("a", "b", "c", "d", "e"), 4), (("a",), 2)):
        network = build(spec, bands=bands, classes=classes, statistics=[(0.0, 1.0)] * len(bands)).eval()
        with torch.inference_mode():
            logits = network(torch.zeros(1, len(bands), 64, 96))
        assert logits.shape == (1, 1 if classes == 2 else classes, 64, 96)


def test_an_unknown_encoder_is_named() -> None:
    with pytest.raises(UsageError, match="no-such-encoder"):
        build(NetworkSpec(encoder="no-such-encoder"), bands=("a",), classes=2, statistics=[(0, 1)])


def test_water_indices_are_those_of_the_methods() -> None:
    rng = np.random.default_rng(0)
    reflectance = rng.uniform(0.02, 0.4, (6, 20, 20)).astype(np.float32)
    mean, std = [0.1] * 6, [0.05] * 6
    physics = WaterIndices(HLS, Denormalise(mean, std, 1.0))
    features, prior = physics(torch.from_numpy((reflectance[None] - 0.1) / 0.05))
    named = dict(zip(HLS, reflectance, strict=True))
    expected = ndwi(named["green"], named["nir"]), mndwi(named["green"], named["swir16"])
    for plane, index in enumerate(expected):
        np.testing.assert_allclose(features[0, plane].numpy(), index, atol=1e-5)
    assert features.shape[1] == WaterIndices.planes
    torch.testing.assert_close(prior[0, 0] > 0, features[0, 1] > -0.05)


def test_backscatter_below_minus_20_db_is_water() -> None:
    decibels = torch.tensor([[[[-10.0]], [[-25.0]]], [[[-10.0]], [[-15.0]]]]).expand(2, 2, 24, 24)
    physics = Backscatter(("vv", "vh"), Denormalise([-11.0, -18.0], [4.0, 5.0], 1.0))
    normalised = (decibels - torch.tensor([-11.0, -18.0]).reshape(1, 2, 1, 1)) / torch.tensor(
        [4.0, 5.0]
    ).reshape(1, 2, 1, 1)
    features, prior = physics(normalised)
    assert features.shape[1] == Backscatter.planes
    assert bool((prior[0] > 0).all())
    assert bool((prior[1] < 0).all())


def test_two_dates_find_what_became_dark() -> None:
    planes = torch.zeros(1, 2, 40, 40)
    planes[:, 0, 10:30, 10:30] = -3
    for bands in (("vv", "before:vv"), ("before:vv", "vv")):
        given = planes if bands[0] == "vv" else planes.flip(1)
        features, prior = TwoDates(bands, Denormalise([0, 0], [1, 1], 1.0))(given)
        assert features.shape[1] == TwoDates.planes
        assert prior[0, 0, 20, 20] > 0 > prior[0, 0, 2, 2]


def test_darkening_takes_either_order_of_dates_and_clips_bright_targets() -> None:
    torch.manual_seed(0)
    after, before = torch.randn(1, 1, 64, 96) - 1, torch.randn(1, 1, 64, 96)
    spec = NetworkSpec(architecture="pixel", features="darkening", decoder_channels=(8,))
    first, second = (
        build(spec, bands=bands, classes=2, statistics=[(0, 1)] * 2).eval()
        for bands in (("vv", "before:vv"), ("before:vv", "vv"))
    )
    features, prior = first.features(torch.cat([after, before], 1))
    other, same = second.features(torch.cat([before, after], 1))
    assert features.shape == (1, Darkening.planes, 64, 96)
    torch.testing.assert_close(features, other)
    torch.testing.assert_close(prior, same)
    bright = after.clone()
    bright[..., 5, 5] = 40.0
    limited = bright.clamp(*Darkening.limits)
    found = [first.features(torch.cat([image, before], 1))[0] for image in (bright, limited)]
    torch.testing.assert_close(*found)
    with torch.inference_mode():
        assert first(torch.cat([after, before], 1)).shape == (1, 1, 64, 96)


def test_darkening_is_dark_now_and_darker_than_before() -> None:
    after, before = torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)
    after[..., :32] = -4
    before[..., :16] = -4
    _, prior = Darkening(("vv", "before:vv"), Denormalise([0, 0], [1, 1], 1.0))(torch.cat([after, before], 1))
    assert [bool(prior[0, 0, 32, column] > 0) for column in (5, 24, 60)] == [False, True, False]


def test_box_mean_counts_only_what_is_there() -> None:
    planes = torch.arange(30.0).reshape(1, 1, 5, 6)
    found = box_mean(planes, 1)
    assert float(found[0, 0, 0, 0]) == pytest.approx((0 + 1 + 6 + 7) / 4)
    assert float(found[0, 0, 2, 2]) == pytest.approx(float(planes[0, 0, 1:4, 1:4].mean()))


def test_a_network_with_prior_starts_at_it() -> None:
    spec = NetworkSpec(encoder="tu-resnet10t", depth=3, features="water-indices", prior=True)
    network = build(spec, bands=HLS, classes=2, statistics=[(0.1, 0.05)] * 6).eval()
    planes = torch.randn(1, 6, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(network(planes), network.prior_logit(planes))


def test_reduced_networks_give_full_resolution() -> None:
    spec = NetworkSpec(encoder="tu-resnet10t", depth=4, reduce=2)
    network = build(spec, bands=("a", "b"), classes=2, statistics=[(0, 1)] * 2).eval()
    assert spec.multiple == 32
    with torch.inference_mode():
        assert network(torch.zeros(1, 2, 64, 96)).shape == (1, 1, 64, 96)


def test_differences_of_two_dates() -> None:
    bands = ("red", "nir", "after:red", "after:nir")
    planes = torch.zeros(1, 4, 24, 24)
    planes[:, 2:, 8:16, 8:16] = 3.0
    physics = Differences(bands, Denormalise([0.0] * 4, [1.0] * 4, 1.0))
    features, prior = physics(planes)
    assert features.shape[1] == physics.planes == 6
    assert features[0, 0, 12, 12] == 3
    assert features[0, 4, 12, 12] == pytest.approx(3)
    assert prior[0, 0, 12, 12] > 0 > prior[0, 0, 2, 2]
    with pytest.raises(UsageError, match="same bands"):
        Differences(("red", "after:nir"), Denormalise([0.0] * 2, [1.0] * 2, 1.0))
