"""Write the outputs of other libraries' encoders, which the tests compare ours with.

    python bench/encoder_oracles.py FOLDER

FOLDER holds the unpacked wheels of terratorch 1.2.13, torchgeo 0.8.1 and olmoearth-pretrain-minimal 0.1.5.
Only the files of the networks are imported, so that the libraries need not be installed; einops must be.
Weights are random: each is drawn by a seed from its name (`weights`), so that the tests make the same ones.
"""

from __future__ import annotations

import sys
import types
import zlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

TARGET = Path(__file__).parents[1] / "tests" / "models" / "networks" / "encoders" / "golden"
EVERY = 7
"""Of the 196 tokens of an image of 224 pixels, one of so many is kept."""
SMALL = {"width": 64, "depth": 2, "heads": 4}


def weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Return random weights by name; scale 1 on average for norms."""
    made = {}
    for name, shape in shapes.items():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        values = rng.normal(0, 0.05, shape) + (1.0 if "norm" in name and name.endswith("weight") else 0.0)
        made[name] = torch.from_numpy(values.astype(np.float32))
    return made


def image(*shape: int) -> torch.Tensor:
    """Return a random image."""
    return torch.from_numpy(np.random.default_rng(1).normal(0, 1, shape).astype(np.float32))


def package(folder: Path, *names: str) -> None:
    """Let modules below packages be imported without the packages' own imports."""
    sys.path.insert(0, str(folder))
    for name in names:
        module = types.ModuleType(name)
        module.__path__ = [str(folder / name.replace(".", "/"))]
        sys.modules[name] = module


def fill(module: torch.nn.Module, keep: tuple[str, ...] = ()) -> torch.nn.Module:
    """Give a module its random weights, except buffers that are computed."""
    state = module.state_dict()
    module.load_state_dict(
        {**state, **weights({key: tuple(value.shape) for key, value in state.items() if key not in keep})}
    )
    return module.eval()


def prithvi(folder: Path) -> dict[str, Any]:
    """Return features of terratorch's PrithviViT for its positions, several dates, and date and place."""
    package(folder, "terratorch", "terratorch.models", "terratorch.models.backbones")
    module = import_module("terratorch.models.backbones.prithvi_mae")
    made = {}
    days = torch.tensor([[[2018.0, 32.0], [2019.0, 200.0], [2020.0, 366.0]]])
    place = torch.tensor([[47.5, -8.25]])
    for name, dates, size, facts in (
        ("square", 1, (224, 224), False),
        ("rectangle", 1, (48, 80), False),
        ("dates", 3, (48, 80), False),
        ("facts", 3, (48, 80), True),
    ):
        model = fill(
            module.PrithviViT(
                224, 16, dates, 6, SMALL["width"], SMALL["depth"], SMALL["heads"],
                coords_encoding=["time", "location"] if facts else [], coords_scale_learn=facts,
            ),
            keep=("pos_embed",),
        )  # fmt: skip
        given = (days, place) if facts else ()
        levels = model.forward_features(image(1, 6, dates, *size), *given)
        step = EVERY if name == "square" else 1
        made |= {f"{name}.{index}": level[:, 1::step].numpy() for index, level in enumerate(levels)}
    return made


def dofa(folder: Path) -> dict[str, Any]:
    """Return the tokens of torchgeo's DOFA after each block, for optical and radar bands."""
    package(folder, "torchgeo", "torchgeo.models")
    module = import_module("torchgeo.models.dofa")
    made = {}
    for name, waves in (("optical", [0.665, 0.56, 0.49, 0.842, 1.61]), ("radar", [5.405, 5.405])):
        model = fill(
            module.DOFA(
                embed_dim=SMALL["width"], depth=SMALL["depth"], num_heads=SMALL["heads"], num_classes=0
            )
        )
        tokens, _ = model.patch_embed(image(1, len(waves), 224, 224), torch.tensor(waves))
        tokens = tokens + model.pos_embed[:, 1:]
        tokens = torch.cat([model.cls_token + model.pos_embed[:, :1], tokens], dim=1)
        for index, block in enumerate(model.blocks):
            tokens = block(tokens)
            made[f"{name}.{index}"] = tokens[:, 1::EVERY].numpy()
    return made


def clay(folder: Path) -> dict[str, Any]:
    """Return the features of terratorch's Clay 1 encoder, and the last ones of Clay 1.5, which is wider."""
    package(folder, "terratorch", "terratorch.models", "terratorch.models.backbones")
    package(folder, "terratorch.models.backbones.clay_v1", "terratorch.models.backbones.clay_v15")
    first = import_module("terratorch.models.backbones.clay_v1.modules")
    second = import_module("terratorch.models.backbones.clay_v15.model")
    torch.set_float32_matmul_precision("highest")  # which the module above lowers
    waves = torch.tensor([0.493, 0.56, 0.665, 0.842, 3.5])
    sizes = {"patch_size": 8, "dim": 64, "depth": 2, "heads": 2, "dim_head": 64, "mlp_ratio": 4}
    cube = {
        "pixels": image(1, 5, 64, 64),
        "time": torch.zeros(1, 4),
        "latlon": torch.zeros(1, 4),
        "gsd": torch.tensor(10.0),
        "waves": waves,
    }
    one = fill(first.EmbeddingEncoder(img_size=64, **sizes))
    made = {f"v1.{index}": level[:, 1:].numpy() for index, level in enumerate(one(cube))}
    two = fill(second.Encoder(mask_ratio=0.0, shuffle=False, **sizes))
    made["v1.5.1"] = two(cube)[0][:, 1:].numpy()
    return made


def terramind(folder: Path) -> dict[str, Any]:
    """Return features of terratorch's TerraMindViT: plain and gated layers, optical and radar images."""
    package(folder, "terratorch", "terratorch.models", "terratorch.models.backbones")
    package(folder, "terratorch.models.backbones.terramind")
    package(folder, "terratorch.models.backbones.terramind.model")
    root = "terratorch.models.backbones.terramind"
    # Only a hash of names is used of this file, which imports torchvision.
    stand_in = types.ModuleType(f"{root}.utils")
    vars(stand_in)["generate_uint15_hash"] = hash
    sys.modules[stand_in.__name__] = stand_in
    module = import_module(f"{root}.model.terramind_vit")
    norm = import_module(f"{root}.model.tm_utils").LayerNorm
    made = {}
    for name, modality, bands, gated, size in (
        ("plain", "S2L2A", 12, False, (224, 224)),
        ("gated", "S2L2A", 12, True, (48, 80)),
        ("radar", "S1GRD", 2, True, (48, 80)),
    ):
        model = module.TerraMindViT(
            modalities=[modality], dim=SMALL["width"], encoder_depth=SMALL["depth"], num_heads=SMALL["heads"],
            qkv_bias=not gated, proj_bias=not gated, mlp_bias=not gated, gated_mlp=gated,
            act_layer=torch.nn.SiLU if gated else torch.nn.GELU,
            norm_layer=lambda width: norm(width, eps=1e-6, bias=False),
        )  # fmt: skip
        computed = [key for key, _ in model.named_buffers()]
        levels = fill(model, keep=tuple(computed))(image(1, bands, *size))
        step = EVERY if name == "plain" else 1
        made |= {f"{name}.{index}": level[:, ::step].numpy() for index, level in enumerate(levels)}
    return made


def olmoearth(folder: Path) -> dict[str, Any]:
    """Return features of OlmoEarth's encoder: means over dates and groups, then over kinds of sensors."""
    root = "olmoearth_pretrain_minimal.olmoearth_pretrain_v1"
    package(folder, root.split(".", maxsplit=1)[0], root, f"{root}.nn", f"{root}.utils")
    module = import_module(f"{root}.nn.flexi_vit")
    data = import_module(f"{root}.utils.datatypes")
    model = fill(
        module.Encoder(
            SMALL["width"], 8, 1, SMALL["heads"], mlp_ratio=4.0, depth=SMALL["depth"], drop_path=0.0,
            supported_modalities=[module.Modality.SENTINEL2_L2A, module.Modality.SENTINEL1],
            max_sequence_length=12,
        )
    )  # fmt: skip
    groups = {"sentinel2_l2a": (12, 3), "sentinel1": (2, 1)}
    made = {}
    for name, kinds, dates, patch, gsd in (
        ("optical", ("sentinel2_l2a",), 1, 4, 10),
        ("radar", ("sentinel1",), 2, 8, 20),
        ("both", ("sentinel2_l2a", "sentinel1"), 3, 2, 10),
    ):
        side = 4 * patch
        months = torch.arange(dates)[None] * 4
        given = {"timestamps": torch.stack([months, months, months], dim=-1)}
        bands = sum(groups[kind][0] for kind in kinds)
        planes = image(1, dates, bands, side, side).permute(0, 3, 4, 1, 2)
        parts = planes.split([groups[kind][0] for kind in kinds], dim=-1)
        for kind, part in zip(kinds, parts, strict=True):
            read = torch.full((1, side, side, dates, groups[kind][1]), data.MaskValue.ONLINE_ENCODER.value)
            given |= {kind: part, f"{kind}_mask": read.float()}
        sample = data.MaskedOlmoEarthSample(**given)
        found = model(sample, patch_size=patch, input_res=gsd, fast_pass=True)["tokens_and_masks"]
        means = [getattr(found, kind).mean(dim=(3, 4)) for kind in kinds]
        made[name] = torch.stack(means).mean(dim=0).permute(0, 3, 1, 2).numpy()
    return made


FAMILIES = (prithvi, dofa, clay, terramind, olmoearth)


def main() -> None:
    """Write one file a family."""
    folder = Path(sys.argv[1])
    with torch.no_grad():
        for make in FAMILIES:
            found = make(folder)
            np.savez_compressed(
                TARGET / f"{make.__name__}.npz", **{key: v.astype(np.float32) for key, v in found.items()}
            )
            print(make.__name__, {key: value.shape for key, value in found.items()})


if __name__ == "__main__":
    main()
