"""Networks with random weights in torch, and their operations and bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gpu_report import Setting


def import_torch() -> Any:
    """Return torch; None where it is not installed."""
    try:
        import torch
    except (ImportError, OSError):
        return None
    return torch


def free(torch: Any) -> None:
    """Release the memory that torch caches on the device."""
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()


def unet(torch: Any, bands: int, layers: tuple[int, ...]) -> Any:
    """Return a U-Net with a ResNet of basic blocks, with the widths of segmentation-models-pytorch."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, cin: int, cout: int, stride: int) -> None:
            super().__init__()
            self.one = nn.Conv2d(cin, cout, 3, stride, 1, bias=False)
            self.norm1, self.norm2 = nn.BatchNorm2d(cout), nn.BatchNorm2d(cout)
            self.two = nn.Conv2d(cout, cout, 3, 1, 1, bias=False)
            self.short = None
            if stride > 1 or cin != cout:
                self.short = nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

        def forward(self, x: Any) -> Any:
            y = self.norm2(self.two(torch.relu(self.norm1(self.one(x)))))
            return torch.relu(y + (x if self.short is None else self.short(x)))

    def double(cin: int, cout: int) -> Any:
        parts = []
        for first in (cin, cout):
            parts += [nn.Conv2d(first, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU()]
        return nn.Sequential(*parts)

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Sequential(
                nn.Conv2d(bands, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()
            )
            self.pool = nn.MaxPool2d(3, 2, 1)
            stages, cin = [], 64
            for level, (count, width) in enumerate(zip(layers, (64, 128, 256, 512), strict=True)):
                blocks = [
                    Block(cin if i == 0 else width, width, 2 if level and i == 0 else 1) for i in range(count)
                ]
                stages.append(nn.Sequential(*blocks))
                cin = width
            self.stages = nn.ModuleList(stages)
            widths = ((512, 256, 256), (256, 128, 128), (128, 64, 64), (64, 64, 32), (32, 0, 16))
            self.ups = nn.ModuleList([double(below + skip, out) for below, skip, out in widths])
            self.head = nn.Conv2d(16, 1, 3, 1, 1)

        def forward(self, x: Any) -> Any:
            skips = [self.stem(x)]
            y = self.pool(skips[0])
            for stage in self.stages:
                y = stage(y)
                skips.append(y)
            skips.pop()
            for up in self.ups:
                y = nn.functional.interpolate(y, scale_factor=2.0, mode="nearest")
                if skips:
                    y = torch.cat([y, skips.pop()], dim=1)
                y = up(y)
            return torch.sigmoid(self.head(y))

    return UNet()


def vit(torch: Any, bands: int, tile: int, width: int, depth: int, heads: int) -> Any:
    """Return a vision transformer with patches of 16 and a decoder of two transposed convolutions."""
    nn = torch.nn

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            n, count, _ = x.shape
            q, k, v = (
                part.reshape(n, count, heads, width // heads).transpose(1, 2)
                for part in self.qkv(self.norm1(x)).chunk(3, dim=2)
            )
            y = nn.functional.scaled_dot_product_attention(q, k, v)
            x = x + self.out(y.transpose(1, 2).reshape(n, count, width))
            return x + self.mlp(self.norm2(x))

    class ViT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(bands, width, 16, 16)
            self.places = nn.Parameter(torch.zeros(1, (tile // 16) ** 2, width))
            self.layers = nn.Sequential(*[Layer() for _ in range(depth)])
            self.up = nn.Sequential(
                nn.ConvTranspose2d(width, 128, 4, 4), nn.GELU(), nn.ConvTranspose2d(128, 32, 4, 4), nn.GELU()
            )
            self.head = nn.Conv2d(32, 1, 3, 1, 1)

        def forward(self, x: Any) -> Any:
            y = self.patches(x)
            side = y.shape[2:]
            y = self.layers(y.flatten(2).transpose(1, 2) + self.places)
            y = y.transpose(1, 2).reshape(-1, width, *side)
            return torch.sigmoid(self.head(self.up(y)))

    return ViT()


def spread(torch: Any, network: Any, given: Any) -> None:
    """Scale the head so that scores of random weights lie on both sides of one half."""
    caught: list[Any] = []
    hook = network.head.register_forward_hook(lambda _, __, out: caught.append(out.detach()))
    with torch.no_grad():
        network(given)
        hook.remove()
        centre, width = caught[0].median(), caught[0].std().clamp_min(1e-6)
        network.head.weight.mul_(3 / width)
        network.head.bias.sub_(centre).mul_(3 / width)


def count(torch: Any, network: Any, given: Any) -> tuple[float, float, float]:
    """Return FLOP for a tile, float32 bytes of inputs and outputs of its layers, and bytes of weights."""
    flop = size = weights = 0.0
    nn = torch.nn

    def look(module: Any, inputs: Any, out: Any) -> None:
        nonlocal flop, size, weights
        weight = module.weight
        if isinstance(module, nn.ConvTranspose2d):
            flop += 2.0 * weight.numel() * inputs[0][0, 0].numel()
        elif isinstance(module, nn.Conv2d):
            flop += 2.0 * weight.numel() * out[0, 0].numel()
        else:
            flop += 2.0 * weight.numel() * (out[0].numel() // out.shape[-1])
        size += 4.0 * (inputs[0][0].numel() + out[0].numel())
        weights += 4.0 * weight.numel()

    kinds = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    hooks = [m.register_forward_hook(look) for m in network.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        network(given[:1])
    for hook in hooks:
        hook.remove()
    for layer in getattr(network, "layers", ()):
        tokens = network.places.shape[1]
        flop += 4.0 * tokens * tokens * layer.out.weight.shape[0]
    return flop, size, weights


def networks_of(torch: Any, setting: Setting) -> dict[str, tuple[int, Callable[[], Any]]]:
    """Return number of bands and constructor of each network, by name."""
    found: dict[str, tuple[int, Callable[[], Any]]] = {
        f"U-Net resnet{depth}, {bands} bands": (bands, lambda b=bands, n=layers: unet(torch, b, n))
        for depth, layers in ((18, (2, 2, 2, 2)), (34, (3, 4, 6, 3)))
        for bands in (6, 13)
    }
    width, depth, heads = (64, 2, 2) if setting.quick else (768, 12, 12)
    name = f"ViT 16 of {depth} layers of {width}, light decoder, 6 bands"
    found[name] = (6, lambda: vit(torch, 6, setting.tile, width, depth, heads))
    return found
