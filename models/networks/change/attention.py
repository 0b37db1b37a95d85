"""Attention between two sets of tokens, and the block around it."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class Attention(nn.Module):
    """Multi-head attention: (N, P, D) queries attend to (N, Q, D) tokens.

    It uses `scaled_dot_product_attention`, which every exporter supports.
    """

    def __init__(self, width: int, heads: int) -> None:
        """Take the width D and a number of heads that divides it."""
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, queries: Tensor, tokens: Tensor) -> Tensor:
        """Return (N, P, D)."""
        parts = self.query(queries), self.key(tokens), self.value(tokens)
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """Attention and a small network, each normalised before and added to its input."""

    def __init__(self, width: int, heads: int, *, growth: int = 2) -> None:
        """Take width, heads, and how much wider the small network is."""
        super().__init__()
        self.norm_queries = nn.LayerNorm(width)
        self.norm_tokens = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Sequential(
            nn.Linear(width, growth * width), nn.GELU(), nn.Linear(growth * width, width)
        )

    def forward(self, queries: Tensor, tokens: Tensor) -> Tensor:
        """Return (N, P, D) from queries (N, P, D) and tokens (N, Q, D)."""
        queries = queries + self.attention(self.norm_queries(queries), self.norm_tokens(tokens))
        out: Tensor = queries + self.inner(self.norm(queries))
        return out
