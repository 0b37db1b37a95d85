"""Write the logits of other libraries' networks, which the tests of published networks compare ours with.

    python bench/published_oracles.py FOLDER   # holds the unpacked wheels of terratorch 1.2.13 and einops

Terratorch's files of encoder, steps between, decoders and head are imported, without the package. The
networks of mmseg are computed by functions of torch from the published code, because mmseg cannot be
installed beside a present torch. Weights are random: each is drawn by a seed from its published name
(`encoder_oracles.weights`).
"""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from encoder_oracles import SMALL, image, package, weights
from torch.nn import functional

TARGET = Path(__file__).parents[1] / "tests" / "models" / "networks" / "golden" / "published.npz"
DEPTH, HEADS, BANDS, CLASSES = 4, SMALL["heads"], 6, 3
CHANNELS = {"UperNetDecoder": 16, "UNetDecoder": [32, 16, 8, 8]}
SIZES = {"square": (224, 224), "other": (64, 96)}
EVERY = 5
"""Of the rows and columns of logits, one of so many is kept."""


class _Registry:
    """Stands in for terratorch's lists of classes."""

    def __init__(self) -> None:
        self.classes: dict[str, type] = {}

    def register(self, kind: type) -> type:
        self.classes[kind.__name__] = kind
        return kind

    def build(self, name: str, *given: Any, **options: Any) -> Any:
        return self.classes[name](*given, **options)


def terratorch(folder: Path) -> Any:
    """Let terratorch's modules be imported; return its encoder's module."""
    package(
        folder, *(f"terratorch{part}" for part in ("", ".models", ".models.backbones", ".models.decoders"))
    )
    package(folder, "terratorch.models.heads")
    registry, shared = types.ModuleType("terratorch.registry"), _Registry()
    for name in ("NECK_REGISTRY", "TERRATORCH_NECK_REGISTRY", "TERRATORCH_DECODER_REGISTRY"):
        setattr(registry, name, shared)
    sys.modules["terratorch.registry"] = registry
    return import_module("terratorch.models.backbones.prithvi_mae")


def official(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Return random weights; variances are positive, counters whole numbers."""
    counters = {name for name in shapes if name.endswith("num_batches_tracked")}
    made = weights({name: shape for name, shape in shapes.items() if name not in counters})
    for name, value in made.items():
        if name.endswith("running_var"):
            made[name] = value.abs() + 0.5
    return {**made, **{name: torch.tensor(1) for name in counters}}


def with_decoder(folder: Path, decoder: str) -> dict[str, Any]:
    """Return the logits of terratorch's network with a decoder, for two sizes."""
    encoders = terratorch(folder)
    necks = import_module("terratorch.models.necks")
    kind = "upernet_decoder" if decoder == "UperNetDecoder" else "unet_decoder"
    decoders = import_module(f"terratorch.models.decoders.{kind}")
    heads = import_module("terratorch.models.heads.segmentation_head")
    encoder = encoders.PrithviViT(
        224, 16, 1, BANDS, SMALL["width"], DEPTH, HEADS,
        coords_encoding=["time", "location"], coords_scale_learn=True,
    )  # fmt: skip
    steps = [
        {"name": "SelectIndices", "indices": [0, 1, 2, 3]},
        {"name": "ReshapeTokensToImage"},
        {"name": "LearnedInterpolateToPyramidal"},
    ]
    made, widths = necks.build_neck_list(steps, encoder.out_channels)
    network = torch.nn.ModuleDict(
        {
            "encoder": encoder,
            "neck": necks.NeckSequential(*made),
            "decoder": vars(decoders)[decoder](widths, channels=CHANNELS[decoder]),
        }
    )
    network["head"] = heads.SegmentationHead(network["decoder"].out_channels, CLASSES, dropout=0.1)
    whole = torch.nn.ModuleDict({"model": network}).eval()
    state = whole.state_dict()
    drawn = official({key: tuple(value.shape) for key, value in state.items() if "pos_embed" not in key})
    whole.load_state_dict({**state, **drawn})
    found = {}
    for name, size in SIZES.items():
        pixels = image(1, BANDS, *size)
        levels = network["encoder"].forward_features(pixels[:, :, None])
        levels = network["neck"](levels, image_size=size)
        logits = network["head"](network["decoder"]([level.clone() for level in levels]))
        if logits.shape[-2:] != size:
            logits = functional.interpolate(logits, size=size, mode="bilinear")
        found[f"{decoder}.{name}"] = logits[:, :, ::EVERY, ::EVERY].numpy()
    return found


def mmseg(folder: Path, dates: int) -> dict[str, Any]:
    """Return the logits of the networks of Prithvi-EO 1.0 in mmseg, for squares of 224 pixels."""
    encoder = terratorch(folder).PrithviViT(224, 16, dates, BANDS, SMALL["width"], DEPTH, HEADS).eval()
    width = SMALL["width"] * dates
    shapes = {
        f"backbone.{key}": tuple(v.shape) for key, v in encoder.state_dict().items() if key != "pos_embed"
    }
    for part in ("neck.fpn1", "neck.fpn2"):
        for at in (0, 3):
            shapes |= {f"{part}.{at}.weight": (width, width, 2, 2), f"{part}.{at}.bias": (width,)}
        shapes |= {f"{part}.1.ln.weight": (width,), f"{part}.1.ln.bias": (width,)}
    shapes["decode_head.convs.0.conv.weight"] = (16, width, 3, 3)
    shapes |= dict.fromkeys(
        [f"decode_head.convs.0.bn.{key}" for key in ("weight", "bias", "running_mean", "running_var")], (16,)
    )
    shapes |= {"decode_head.conv_seg.weight": (CLASSES, 16, 1, 1), "decode_head.conv_seg.bias": (CLASSES,)}
    own = official(shapes)
    encoder.load_state_dict(
        {key: own.get(f"backbone.{key}", value) for key, value in encoder.state_dict().items()}
    )
    tokens = encoder.forward_features(image(1, BANDS, dates, 224, 224))[-1][:, 1:]
    # As in the published step between: the tokens of all dates are channels only for one date; of several
    # dates, (T * 196, D) is read as (D * T, 14, 14).
    planes = tokens.permute(0, 2, 1).reshape(1, -1, 14, 14)
    for part in ("neck.fpn1", "neck.fpn2"):
        planes = functional.conv_transpose2d(planes, own[f"{part}.0.weight"], own[f"{part}.0.bias"], stride=2)
        last = planes.permute(0, 2, 3, 1)
        last = functional.layer_norm(
            last, (width,), own[f"{part}.1.ln.weight"], own[f"{part}.1.ln.bias"], 1e-6
        )
        planes = functional.gelu(last.permute(0, 3, 1, 2))
        planes = functional.conv_transpose2d(planes, own[f"{part}.3.weight"], own[f"{part}.3.bias"], stride=2)
    planes = functional.conv2d(planes, own["decode_head.convs.0.conv.weight"], padding=1)
    norm = [own[f"decode_head.convs.0.bn.{key}"] for key in ("running_mean", "running_var", "weight", "bias")]
    planes = functional.batch_norm(planes, *norm).relu()
    logits = functional.conv2d(planes, own["decode_head.conv_seg.weight"], own["decode_head.conv_seg.bias"])
    return {f"mmseg.{dates}": logits[:, :, ::EVERY, ::EVERY].numpy()}


def main() -> None:
    """Write one file."""
    folder = Path(sys.argv[1])
    with torch.no_grad():
        found = {
            **with_decoder(folder, "UperNetDecoder"),
            **with_decoder(folder, "UNetDecoder"),
            **mmseg(folder, 1),
            **mmseg(folder, 3),
        }
    np.savez_compressed(TARGET, **{key: value.astype(np.float32) for key, value in found.items()})
    print({key: (value.shape, float(np.abs(value).max())) for key, value in found.items()})


if __name__ == "__main__":
    main()
