"""ChangeViT: a plain vision transformer for change, a small convolutional branch for exact positions.

Zhu 2024, arXiv:2406.12847. Both dates pass a shared transformer of timm and a shared branch of details; the
transformer's features attend to the details by cross attention; the decoder joins the dates. Unlike the usual
code, it decodes the pair once (not both orders, one of which is thrown away), takes exactly the patch tokens
whatever class and register tokens a transformer has, and takes rectangles.

Differences to the paper: details are averaged over each patch before attention, which then costs the
same at every scale; absolute differences of the details help the decoder on its way up, because edges of
change lie there. Only the transformer has weights to fetch; the branch of details starts at random.
"""

from __future__ import annotations

import timm
import torch
from geoseg.models.networks.change.attention import Block
from geoseg.models.networks.change.shallow import shallow_encoder
from torch import Tensor, nn
from torch.nn import functional

from geoseg.spec import NetworkSpec

WIDTH = 64
"""Channels of the decoder."""
DETAIL = "resnet18"
"""The branch of details: its first three halvings, 1/2 to 1/8."""


class ChangeViT(nn.Module):
    """The network; H and W are multiples of the transformer's patch, which must be 16."""

    def __init__(self, bands: int, classes: int, vit: str, pretrained: bool) -> None:
        """Build it.

        Args:
            bands: of one date.
            classes: planes of the output.
            vit: name of a plain transformer of timm with patches of 16.
            pretrained: whether its weights are fetched.

        Raises:
            ValueError: the transformer is not plain, or has other patches.
        """
        super().__init__()
        self._name, self._bands = vit, bands
        try:
            self.vit = timm.create_model(
                vit, pretrained=pretrained, in_chans=bands, num_classes=0, dynamic_img_size=True
            )
        except TypeError as error:
            raise ValueError(f"{vit} is no plain transformer, which takes images of any size") from error
        patch = self.vit.patch_embed.patch_size
        if tuple(patch) != (16, 16):
            raise ValueError(f"{vit} has patches of {patch[0]} pixels; take one of 16")
        width = self.vit.num_features
        heads = next(count for count in (6, 4, 3, 2, 1) if width % count == 0)
        self.detail = shallow_encoder(DETAIL, bands, 3, None)
        fine = self.detail.out_channels[1:]
        self.widen = nn.ModuleList(nn.Conv2d(planes, width, 1) for planes in fine)
        self.inject = nn.ModuleList(Block(width, heads) for _ in fine)
        self.joined = nn.Sequential(
            nn.Conv2d(2 * width, WIDTH, 3, padding=1), nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True)
        )
        self.steps = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(WIDTH + planes, WIDTH, 3, padding=1), nn.BatchNorm2d(WIDTH), nn.ReLU(inplace=True)
            )
            for planes in reversed(fine)
        )
        self.head = nn.Conv2d(WIDTH, classes, 3, padding=1)

    def fix_size(self, height: int, width: int) -> None:
        """Compute the table of positions for images of one size, and take no others from now on.

        A graph exported without this would interpolate the table in every run, and TensorRT does not support
        bicubic interpolation.
        """
        self.vit.set_input_size(img_size=(height, width))
        fixed = timm.create_model(
            self._name,
            in_chans=self._bands,
            num_classes=0,
            img_size=(height, width),
            dynamic_img_size=False,
        )
        fixed.load_state_dict(self.vit.state_dict())
        self.vit = fixed.train(self.training)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return logits."""
        before, details_before = self._features(first)
        after, details_after = self._features(second)
        planes = self.joined(torch.cat([before, after], dim=1))
        details = zip(reversed(details_before), reversed(details_after), strict=True)
        for step, (a, b) in zip(self.steps, details, strict=True):
            planes = functional.interpolate(planes, scale_factor=2.0, mode="bilinear")
            planes = step(torch.cat([planes, (a - b).abs()], dim=1))
        logits: Tensor = self.head(functional.interpolate(planes, scale_factor=2.0, mode="bilinear"))
        return logits

    def _features(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(N, D, H / 16, W / 16) features of a date, and its details at 1/2, 1/4 and 1/8."""
        tokens = self.patch_tokens(image)
        details = list(self.detail(image)[1:])
        for block, widen, planes, size in zip(self.inject, self.widen, details, (8, 4, 2), strict=True):
            patches = widen(functional.avg_pool2d(planes, size)).flatten(2).transpose(1, 2)
            tokens = block(tokens, patches)
        grid = image.shape[-2] // 16, image.shape[-1] // 16
        return tokens.transpose(1, 2).unflatten(2, grid), details

    def patch_tokens(self, image: Tensor) -> Tensor:
        """(N, P, D): the tokens of the patches, without those of class and registers."""
        tokens: Tensor = self.vit.forward_features(image)[:, self.vit.num_prefix_tokens :]
        return tokens


def build(spec: NetworkSpec, bands: int, planes: int) -> nn.Module:
    """Build the network of a description; for the arguments see `build_change`."""
    return ChangeViT(bands, planes, spec.encoder.removeprefix("tu-"), spec.pretrained is not None)
