"""Patch kernels that a small transformer generates from the wavelengths of the bands.

Both users of this idea (DOFA, Clay) differ in names, scale and layout. The kernels depend on nothing but the
wavelengths, so that an export holds them as a plain convolution.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

WAVE = 128
"""Width of the encoding of a wavelength."""

LATENT = 128
"""Number of learned tokens."""


class KernelGenerator(nn.Module):
    """Encodings of wavelengths to a kernel per band, and a bias."""

    def __init__(self, width: int, patch: int, transformer: str) -> None:
        """Create the transformer of one layer.

        Args:
            width: D of a token.
            patch: pixels of a side of a patch.
            transformer: name of the module in the published weights.
        """
        super().__init__()
        layer = nn.TransformerEncoderLayer(WAVE, 4, activation="gelu", dropout=0.0, batch_first=True)
        self.transformer = transformer
        self.add_module(transformer, nn.TransformerEncoder(layer, 1, enable_nested_tensor=False))
        self.fc_weight = nn.Linear(WAVE, patch * patch * width)
        self.fc_bias = nn.Linear(WAVE, width)
        self.weight_tokens = nn.Parameter(torch.randn(LATENT, WAVE) * 0.02)
        self.bias_token = nn.Parameter(torch.randn(1, WAVE) * 0.02)

    def forward(self, waves: Tensor) -> tuple[Tensor, Tensor]:
        """Return kernels (C, p * p * D) and a bias (D) of encodings (C, 128)."""
        tokens = torch.cat([self.weight_tokens, waves, self.bias_token])
        made = self.get_submodule(self.transformer)(tokens[None])[0]
        return self.fc_weight(made[LATENT:-1] + waves), self.fc_bias(made[-1])


class Residual(nn.Module):
    """Two linear layers, each with an activation, added to their input."""

    def __init__(self, names: tuple[str, str], activation: Callable[[Tensor], Tensor]) -> None:
        """Create layers with the names of the published weights."""
        super().__init__()
        self.names, self.activation = names, activation
        for name in names:
            self.add_module(name, nn.Linear(WAVE, WAVE))

    def forward(self, waves: Tensor) -> Tensor:
        """Return (C, 128) of (C, 128)."""
        found = waves
        for name in self.names:
            found = self.activation(self.get_submodule(name)(found))
        return waves + found


class WavelengthEmbedding(nn.Module):
    """Patches of any bands to tokens."""

    def __init__(
        self,
        wavelengths: Sequence[float],
        generator: KernelGenerator,
        residual: Residual,
        *,
        encode: Callable[[Tensor], Tensor],
        arrange: Callable[[Tensor], Tensor],
        scales: tuple[float, float],
        patch: int,
        padding: int = 0,
    ) -> None:
        """Take the parts.

        Args:
            wavelengths: of the bands in µm.
            generator: makes kernels.
            residual: is applied to the encodings first.
            encode: wavelengths (C,) to encodings (C, 128).
            arrange: kernels (C, p * p * D) to (D, C, p, p).
            scales: factors of the kernels and of the bias.
            patch: pixels of a side of a patch.
            padding: pixels around an image.
        """
        super().__init__()
        self.weight_generator, self.fclayer = generator, residual
        self.register_buffer("wavelengths", torch.tensor(wavelengths), persistent=False)
        self.encode, self.arrange, self.scales = encode, arrange, scales
        self.patch, self.padding = patch, padding
        self.fixed: tuple[Tensor, Tensor] | None = None

    def kernels(self) -> tuple[Tensor, Tensor]:
        """Return kernels (D, C, p, p) and the bias (D) for the bands."""
        kernels, bias = self.weight_generator(self.fclayer(self.encode(self.get_buffer("wavelengths"))))
        return self.arrange(kernels) * self.scales[0], bias * self.scales[1]

    def fix(self) -> None:
        """Store the kernels, for an export."""
        with torch.no_grad():
            kernels, bias = self.kernels()
        self.fixed = (kernels.detach(), bias.detach())

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, P, D) of (N, C, H, W)."""
        kernels, bias = self.kernels() if self.fixed is None else self.fixed
        made = functional.conv2d(images, kernels, bias, stride=self.patch, padding=self.padding)
        return made.flatten(2).transpose(1, 2)
