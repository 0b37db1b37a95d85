"""Encoders of timm: features equal timm's own; kernels for other bands."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")
timm = pytest.importorskip("timm")

from geoseg.models.networks.encoders.encoder import About  # noqa: E402
from geoseg.models.networks.encoders.timm_encoder import TimmEncoder, adapted_kernel  # noqa: E402

from geoseg.errors import UsageError  # noqa: E402

PLAIN = ["vit_tiny_patch16_224", "vit_small_patch16_dinov3", "vit_small_patch14_dinov2"]
STAGES = ["convnext_atto", "swin_tiny_patch4_window7_224"]


@pytest.mark.parametrize("size", [(224, 224), (224, 448)])
@pytest.mark.parametrize("name", [*PLAIN, *STAGES])
def test_features_equal_those_of_timm(name: str, size: tuple[int, int]) -> None:
    encoder = TimmEncoder(name, 4, size=size).eval()
    options = {"in_chans": 4, "num_classes": 0}
    try:
        oracle = timm.create_model(name, img_size=size, **options)
    except TypeError:
        oracle = timm.create_model(name, **options)
    oracle.load_state_dict(encoder.model.state_dict())
    image = torch.randn(1, 4, *size)
    with torch.no_grad():
        levels = encoder(image[:, None], About())
        expected = oracle.eval().forward_intermediates(
            image, indices=list(encoder.layers), intermediates_only=True, norm=name in PLAIN
        )
    for level, other, stride in zip(levels, expected, encoder.strides, strict=True):
        torch.testing.assert_close(level, other)
        assert level.shape[-2:] == (size[0] // stride, size[1] // stride)


@pytest.mark.parametrize("name", [*PLAIN[:2], STAGES[1]])
def test_another_size_than_in_training_and_a_fixed_size_agree(name: str) -> None:
    encoder = TimmEncoder(name, 3, size=(224, 224)).eval()
    image = torch.randn(1, 1, 3, 96, 128)
    with torch.no_grad():
        free = encoder(image, About())
        encoder.fix_size(96, 128)
        fixed = encoder(image, About())
    for one, other in zip(free, fixed, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_dates_are_encoded_alike_and_concatenated() -> None:
    encoder = TimmEncoder("convnext_atto", 3, size=(64, 64), dates=2).eval()
    one, other = torch.randn(2, 1, 3, 64, 64)
    with torch.no_grad():
        both = encoder(torch.stack([one, other], dim=1), About())[0]
        swapped = encoder(torch.stack([other, one], dim=1), About())[0]
    torch.testing.assert_close(torch.cat(list(both.chunk(2, dim=1))[::-1], dim=1), swapped)


def test_a_model_of_one_size_says_so() -> None:
    encoder = TimmEncoder("hiera_tiny_224", 3, size=(64, 64)).eval()
    with torch.no_grad():
        assert encoder(torch.randn(1, 1, 3, 64, 64), About())[0].shape[-1] == 16
    with pytest.raises(UsageError, match="64 x 64 pixels only"):
        encoder(torch.randn(1, 1, 3, 64, 96), About())


def test_unknown_models_are_named() -> None:
    with pytest.raises(UsageError, match="no_such_model"):
        TimmEncoder("no_such_model", 3, size=(64, 64))


def test_kernels_are_interpolated_by_wavelength() -> None:
    kernel = torch.tensor([3.0, 2.0, 1.0]).reshape(1, 3, 1, 1)
    wanted = [0.49, 0.56, 0.665, 0.525, 0.3, 2.2]
    made = adapted_kernel(kernel, [0.665, 0.56, 0.49], wanted).flatten() * 2
    assert made.tolist() == pytest.approx([1.0, 2.0, 3.0, 1.5, 1.0, 3.0])
    # The same bands in another order are only reordered.
    assert adapted_kernel(kernel, [0.665, 0.56, 0.49], [0.49, 0.56, 0.665]).flatten().tolist() == [1, 2, 3]
