"""LoRA: trainable low-rank corrections of linear layers (Hu et al. 2021, arXiv:2106.09685)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

ADAPTED = frozenset({"q", "k", "v", "qkv", "proj", "query", "key", "value", "to_qkv", "to_out"})
"""Names of linear layers of attention that get a correction."""


class LoraLinear(nn.Module):
    """A linear layer whose weight is W + (alpha / rank) B A; A and B are trained, W is not."""

    def __init__(self, plain: nn.Linear, rank: int, alpha: float) -> None:
        """Wrap a layer; the correction starts at 0."""
        super().__init__()
        self.plain, self.scale = plain, alpha / rank
        self.down = nn.Parameter(torch.empty(rank, plain.in_features))
        self.up = nn.Parameter(torch.zeros(plain.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    @property
    def weight(self) -> Tensor:
        """Return the corrected weight; some attention layers read it directly."""
        return self.plain.weight + self.scale * (self.up @ self.down)

    @property
    def bias(self) -> Tensor | None:
        """Return the bias of the layer."""
        return self.plain.bias

    def forward(self, values: Tensor) -> Tensor:
        """Return the layer's output."""
        correction = functional.linear(functional.linear(values, self.down), self.up)
        return self.plain(values) + self.scale * correction

    def merged(self) -> nn.Linear:
        """Return a plain layer with the corrected weight."""
        made = nn.Linear(self.plain.in_features, self.plain.out_features, self.plain.bias is not None)
        with torch.no_grad():
            made.weight.copy_(self.weight)
            if self.plain.bias is not None:
                made.bias.copy_(self.plain.bias)
        return made


def add_lora(module: nn.Module, rank: int, alpha: float) -> int:
    """Replace the linear layers of attention below a module; return their number."""
    count = 0
    for parent in list(module.modules()):
        if isinstance(parent, LoraLinear):
            continue
        for name, child in list(parent.named_children()):
            if name in ADAPTED and isinstance(child, nn.Linear):
                setattr(parent, name, LoraLinear(child, rank, alpha))
                count += 1
    return count


def merge_lora(module: nn.Module) -> None:
    """Replace every corrected layer below a module by a plain one."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LoraLinear):
                setattr(parent, name, child.merged().to(child.down.device))
