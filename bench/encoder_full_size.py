"""Compare encoders at their full size with those of other libraries, through files of weights.

    python bench/encoder_full_size.py FOLDER [NAME ...]

FOLDER as of `bench/encoder_oracles.py`. Each network of the other library gets random weights and is saved
under its published names; geoseg builds its encoder from this file. Prints a Markdown table with the largest
difference of the features of the last layer, relative to their largest value. The largest encoder takes 9
GiB of memory.
"""

from __future__ import annotations

import sys
import tempfile
import time
import types
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import torch
from encoder_oracles import fill, image, package
from geoseg.models.networks.encoders.build_encoder import EncoderRequest, build_encoder
from geoseg.models.networks.encoders.encoder import About

from geoseg.spec.encoders import EncoderSpec
from geoseg.spec.presets import encoders

Case = tuple[str, tuple[int, ...], About]
"""Name, shape (1, T, B, h, w) of the images, and dates and places."""
Answer = Callable[[torch.Tensor, About], torch.Tensor]
"""Takes images (1, T, B, h, w) and returns features (1, T * D, h, w) of the last layer."""

DAYS = torch.tensor([[[2018.0, 32.0], [2019.0, 200.0], [2020.0, 366.0]]])
PLACE = torch.tensor([[47.5, -8.25]])
TERRAMIND = "terratorch.models.backbones.terramind"
OLMOEARTH = "olmoearth_pretrain_minimal.olmoearth_pretrain_v1"


OLMOEARTH_BANDS = (
    "blue", "green", "red", "nir", "rededge071", "rededge075", "rededge078", "nir08", "swir16", "swir22",
    "coastal", "nir09",
)  # fmt: skip
"""In the order of the authors' band sets."""


def bands_of(spec: EncoderSpec) -> tuple[str, ...]:
    """Return the names of the optical bands, in the order of the other library."""
    if spec.family == "olmoearth":
        return OLMOEARTH_BANDS
    return tuple(band.name for band in max(spec.modalities, key=lambda kind: len(kind.bands)).bands)


def waves_of(spec: EncoderSpec) -> torch.Tensor:
    """Return the wavelengths of these bands in µm."""
    return torch.tensor([spec.bands[name].wavelength for name in bands_of(spec)])


def grid(tokens: torch.Tensor, dates: int, rows: int, cols: int) -> torch.Tensor:
    """Return tokens (1, T * h * w, D) as features (1, T * D, h, w)."""
    wide = tokens.shape[-1]
    return tokens.reshape(1, dates, rows, cols, wide).permute(0, 1, 4, 2, 3).reshape(1, -1, rows, cols)


def prithvi(spec: EncoderSpec, dates: int) -> tuple[torch.nn.Module, Answer]:
    """Return terratorch's PrithviViT."""
    package(Path(sys.argv[1]), "terratorch", "terratorch.models", "terratorch.models.backbones")
    module = import_module("terratorch.models.backbones.prithvi_mae")
    facts = bool(spec.metadata)
    model = fill(
        module.PrithviViT(
            224, spec.patch, dates, 6, spec.width, spec.depth, spec.heads,
            coords_encoding=["time", "location"] if facts else [], coords_scale_learn=facts,
        ),
        keep=("pos_embed",),
    )  # fmt: skip

    def answer(planes: torch.Tensor, about: About) -> torch.Tensor:
        given = (about.days, about.places) if facts else ()
        last = model.forward_features(planes.transpose(1, 2), *given)[-1]
        return grid(last[:, 1:], dates, *(side // spec.patch for side in planes.shape[-2:]))

    return model, answer


def dofa(spec: EncoderSpec, _: int) -> tuple[torch.nn.Module, Answer]:
    """Return torchgeo's DOFA, which takes 224 pixels alone."""
    package(Path(sys.argv[1]), "torchgeo", "torchgeo.models")
    module = import_module("torchgeo.models.dofa")
    model = fill(module.DOFA(embed_dim=spec.width, depth=spec.depth, num_heads=spec.heads, num_classes=0))
    waves = waves_of(spec)

    def answer(planes: torch.Tensor, _: About) -> torch.Tensor:
        tokens, _ = model.patch_embed(planes[:, 0], waves)
        tokens = torch.cat([model.cls_token + model.pos_embed[:, :1], tokens + model.pos_embed[:, 1:]], dim=1)
        for block in model.blocks:
            tokens = block(tokens)
        return grid(tokens[:, 1:], 1, 14, 14)

    return model, answer


def clay(spec: EncoderSpec, _: int) -> tuple[torch.nn.Module, Answer]:
    """Return terratorch's Clay 1 or 1.5."""
    package(Path(sys.argv[1]), "terratorch", "terratorch.models", "terratorch.models.backbones")
    package(Path(sys.argv[1]), "terratorch.models.backbones.clay_v1", "terratorch.models.backbones.clay_v15")
    sizes = {"patch_size": 8, "dim": spec.width, "depth": spec.depth, "heads": spec.heads}
    sizes |= {"dim_head": 64, "mlp_ratio": 4}
    first = spec.name == "clay-1"
    name = "clay_v1.modules" if first else "clay_v15.model"
    module = import_module(f"terratorch.models.backbones.{name}")
    torch.set_float32_matmul_precision("highest")  # which the module lowers
    model = fill(
        module.EmbeddingEncoder(img_size=64, **sizes)
        if first
        else module.Encoder(mask_ratio=0.0, shuffle=False, **sizes)
    )
    waves = waves_of(spec)

    def answer(planes: torch.Tensor, _: About) -> torch.Tensor:
        cube = {"pixels": planes[:, 0], "time": torch.zeros(1, 4), "latlon": torch.zeros(1, 4)}
        found = model(cube | {"gsd": torch.tensor(spec.gsd), "waves": waves})
        return grid((found[-1] if first else found[0])[:, 1:], 1, 8, 8)

    return model, answer


def terramind(spec: EncoderSpec, _: int) -> tuple[torch.nn.Module, Answer]:
    """Return terratorch's TerraMindViT for Sentinel-2."""
    package(Path(sys.argv[1]), "terratorch", "terratorch.models", "terratorch.models.backbones")
    package(Path(sys.argv[1]), TERRAMIND, f"{TERRAMIND}.model")
    # Only a hash of names is used of this file, which imports torchvision.
    stand_in = types.ModuleType(f"{TERRAMIND}.utils")
    vars(stand_in)["generate_uint15_hash"] = hash
    sys.modules[stand_in.__name__] = stand_in
    module = import_module(f"{TERRAMIND}.model.terramind_vit")
    norm = import_module(f"{TERRAMIND}.model.tm_utils").LayerNorm
    plain = not spec.gated
    model = module.TerraMindViT(
        modalities=["S2L2A"], dim=spec.width, encoder_depth=spec.depth, num_heads=spec.heads,
        qkv_bias=plain, proj_bias=plain, mlp_bias=plain, gated_mlp=spec.gated,
        act_layer=torch.nn.GELU if plain else torch.nn.SiLU,
        norm_layer=lambda width: norm(width, eps=1e-6, bias=False),
    )  # fmt: skip
    fill(model, keep=tuple(key for key, _ in model.named_buffers()))

    def answer(planes: torch.Tensor, _: About) -> torch.Tensor:
        return grid(model(planes[:, 0])[-1], 1, *(side // 16 for side in planes.shape[-2:]))

    return model, answer


def olmoearth(spec: EncoderSpec, dates: int) -> tuple[torch.nn.Module, Answer]:
    """Return the authors' encoder for Sentinel-2."""
    package(Path(sys.argv[1]), OLMOEARTH.split(".", maxsplit=1)[0], OLMOEARTH, f"{OLMOEARTH}.nn")
    package(Path(sys.argv[1]), f"{OLMOEARTH}.utils")
    module = import_module(f"{OLMOEARTH}.nn.flexi_vit")
    data = import_module(f"{OLMOEARTH}.utils.datatypes")
    model = fill(
        module.Encoder(
            spec.width, 8, 1, spec.heads, mlp_ratio=4.0, depth=spec.depth, drop_path=0.0,
            supported_modalities=[module.Modality.SENTINEL2_L2A], max_sequence_length=12,
        )
    )  # fmt: skip

    def answer(planes: torch.Tensor, about: About) -> torch.Tensor:
        rows, cols = planes.shape[-2:]
        months = about.months.long()
        read = torch.full((1, rows, cols, dates, 3), data.MaskValue.ONLINE_ENCODER.value)
        sample = data.MaskedOlmoEarthSample(
            timestamps=torch.stack([months, months, months], dim=-1),
            sentinel2_l2a=planes.permute(0, 3, 4, 1, 2),
            sentinel2_l2a_mask=read.float(),
        )
        found = model(sample, patch_size=spec.patch, input_res=int(spec.gsd), fast_pass=True)
        return found["tokens_and_masks"].sentinel2_l2a.mean(dim=(3, 4)).permute(0, 3, 1, 2)

    return model, answer


FAMILIES = {
    "prithvi": prithvi, "dofa": dofa, "clay": clay, "terramind": terramind, "olmoearth": olmoearth,
}  # fmt: skip


def cases(spec: EncoderSpec, bands: int) -> list[Case]:
    """Return the images that an encoder is compared on: square, and rectangular where the other takes it."""
    one = About()
    patch = spec.patch
    if spec.family == "prithvi":
        square = ("square", (1, 1, bands, 224, 224), one)
        dates = min(3, spec.dates[1])
        facts = About(days=DAYS[:, :dates], places=PLACE) if spec.metadata else one
        return [square, (f"rectangle, dates: {dates}", (1, dates, bands, 3 * patch, 5 * patch), facts)]
    if spec.family == "terramind":
        return [("square", (1, 1, bands, 224, 224), one), ("rectangle", (1, 1, bands, 48, 80), one)]
    if spec.family == "olmoearth":
        months = About(months=torch.arange(3.0)[None] * 4)
        return [("square, dates: 3", (1, 3, bands, 4 * patch, 4 * patch), months)]
    return [("square", (1, 1, bands, 224, 224) if spec.family == "dofa" else (1, 1, bands, 64, 64), one)]


def unhashed(spec: EncoderSpec) -> EncoderSpec:
    """Return the description without the hash of the published weights, which these are not."""
    if spec.weights is None:
        return spec
    return spec.model_copy(update={"weights": spec.weights.model_copy(update={"sha256": "", "size": 0})})


def compare(spec: EncoderSpec, case: Case) -> tuple[float, float]:
    """Return the relative difference of the last features, and the weights in millions."""
    _, shape, about = case
    names = bands_of(spec)
    model, answer = FAMILIES[spec.family](spec, shape[1])
    pixels = image(*shape)
    expected = answer(pixels, about)
    count = sum(weight.numel() for weight in model.parameters()) / 1e6
    prefix = spec.weights.prefix if spec.weights else ""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.pt"
        torch.save({prefix + name: value for name, value in model.state_dict().items()}, file)
        del model, answer
        encoder = build_encoder(
            EncoderRequest(name=spec.name, bands=names, dates=shape[1], size=shape[-2:], weights=file),
            unhashed(spec),
        )
    found = encoder.eval()(pixels, about)[-1]
    return float((found - expected).abs().max() / expected.abs().max()), count


def main() -> None:
    """Print the table."""
    wanted = sys.argv[2:] or [name for name, spec in encoders().items() if spec.family in FAMILIES]
    print("| encoder | weights, M | images | largest relative difference | s |\n|---|--:|---|--:|--:|")
    for name in wanted:
        spec = encoders()[name]
        for case in cases(spec, len(bands_of(spec))):
            begun = time.monotonic()
            with torch.no_grad():
                difference, count = compare(spec, case)
            spent = time.monotonic() - begun
            print(f"| {name} | {count:.0f} | {case[0]} | {difference:.1e} | {spent:.0f} |", flush=True)


if __name__ == "__main__":
    main()
