"""Low-rank corrections start at nothing, train alone, and merge into plain layers."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders.encoder import About, Encoder  # noqa: E402
from geoseg.models.networks.encoders.galileo import Galileo, Size  # noqa: E402
from geoseg.models.networks.encoders.timm_encoder import TimmEncoder  # noqa: E402
from geoseg.models.networks.lora import LoraLinear, add_lora, merge_lora  # noqa: E402


@pytest.mark.parametrize("family", ["galileo", "timm"])
def test_corrections_are_trained_and_merged(family: str) -> None:
    torch.manual_seed(0)
    encoder: Encoder = (
        Galileo(("vv", "vh"), size=Size(32, 2, 4), patch=8, layers=(1,))
        if family == "galileo"
        else TimmEncoder("vit_tiny_patch16_224", 2, size=(32, 32), layers=(1,))
    )
    encoder.eval()
    image = torch.randn(1, 1, 2, 32, 32)
    plain = encoder(image, About())[-1]
    encoder.requires_grad_(False)
    assert add_lora(encoder, 4, 8.0) > 0
    torch.testing.assert_close(encoder(image, About())[-1], plain)
    trained = [weight for weight in encoder.parameters() if weight.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=0.05)
    for _ in range(3):
        optimiser.zero_grad()
        (encoder(image, About())[-1] - 1).square().mean().backward()
        optimiser.step()
    corrected = encoder(image, About())[-1]
    assert not torch.allclose(corrected, plain, atol=1e-4)
    merge_lora(encoder)
    assert not any(isinstance(module, LoraLinear) for module in encoder.modules())
    torch.testing.assert_close(encoder(image, About())[-1], corrected, atol=2e-6, rtol=1e-5)
