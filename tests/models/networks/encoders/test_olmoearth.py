"""OlmoEarth against the authors' network with the same random weights (bench/encoder_oracles.py), and, where
that takes no image, against its equations, written down once more by loops over the layout of tensors."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from geoseg.models.networks.encoders.band_groups import readable, tokens_per_patch  # noqa: E402
from geoseg.models.networks.encoders.build_encoder import EncoderRequest, build_encoder  # noqa: E402
from geoseg.models.networks.encoders.encoder import About  # noqa: E402
from geoseg.models.networks.encoders.galileo import Size  # noqa: E402
from geoseg.models.networks.encoders.olmoearth import OlmoEarth, enlarging  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

from geoseg.errors import ModelError, UsageError  # noqa: E402
from geoseg.spec.presets import encoders  # noqa: E402
from tests.models.networks.encoders.random_weights import GOLDEN, image, weights  # noqa: E402

NANO = "olmoearth-1-nano"
WIDTH, DEPTH, HEADS, LONGEST = 128, 4, 8, 12
SETS = {
    "sentinel2_l2a": (
        ("B02", "B03", "B04", "B08"),
        ("B05", "B06", "B07", "B8A", "B11", "B12"),
        ("B01", "B09"),
    ),
    "sentinel1": (("vv", "vh"),),
    "landsat": (("B8",), tuple(f"B{n}" for n in (1, 2, 3, 4, 5, 6, 7, 9, 10, 11))),
    "worldcover": (("B1",),),
    "srtm": (("srtm",),),
    "openstreetmap_raster": (tuple(map(str, range(30))),),
    "wri_canopy_height_map": (("B1",),),
    "cdl": (("cdl",),),
    "worldcereal": (tuple(map(str, range(8))),),
}
"""Band sets of the published weights by modality, in their order."""
NAMES = {
    "vv": "vv", "vh": "vh", "B01": "coastal", "B02": "blue", "B03": "green", "B04": "red",
    "B05": "rededge071", "B06": "rededge075", "B07": "rededge078", "B08": "nir",
    "B8A": "nir08", "B09": "nir09", "B11": "swir16", "B12": "swir22",
}  # fmt: skip


def published(width: int = WIDTH, depth: int = DEPTH) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights of the encoder in the published file."""
    shapes: dict[str, tuple[int, ...]] = {
        "composite_encodings.pos_embed": (LONGEST, width // 4),
        "composite_encodings.month_embed.weight": (12, width // 4),
        "project_and_aggregate.projection.0.weight": (width, width),
        "project_and_aggregate.projection.0.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
    }
    for block in range(depth):
        for name in ("q", "k", "v", "proj"):
            shapes[f"blocks.{block}.attn.{name}.weight"] = (width, width)
            shapes[f"blocks.{block}.attn.{name}.bias"] = (width,)
        for name in ("norm1", "norm2"):
            shapes[f"blocks.{block}.{name}.weight"] = shapes[f"blocks.{block}.{name}.bias"] = (width,)
        shapes[f"blocks.{block}.mlp.fc1.weight"], shapes[f"blocks.{block}.mlp.fc1.bias"] = (
            (4 * width, width), (4 * width,),
        )  # fmt: skip
        shapes[f"blocks.{block}.mlp.fc2.weight"], shapes[f"blocks.{block}.mlp.fc2.bias"] = (
            (width, 4 * width), (width,),
        )  # fmt: skip
    for modality, sets in SETS.items():
        shapes[f"composite_encodings.per_modality_channel_embeddings.{modality}"] = (len(sets), width // 4)
        for number, bands in enumerate(sets):
            stem = f"patch_embeddings.per_modality_embeddings.{modality}.{modality}__{number}.proj"
            shapes[f"{stem}.weight"], shapes[f"{stem}.bias"] = (width, len(bands), 8, 8), (width,)
    return {f"encoder.{name}": shape for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    made = {name: torch.from_numpy(value) for name, value in weights(published()).items()}
    angles = torch.arange(12) * (2 * math.pi / 12)
    quarter = WIDTH // 4
    made["encoder.composite_encodings.pos_embed"] = sines(torch.arange(LONGEST).float(), quarter)
    made["encoder.composite_encodings.month_embed.weight"] = torch.cat(
        [angles.sin()[:, None].repeat(1, quarter // 2), angles.cos()[:, None].repeat(1, quarter // 2)], 1
    )
    return made


def save(state: dict[str, Tensor], folder: Path) -> Path:
    """Write a file like the published one, with parts of the pretraining that geoseg does not read."""
    others = {"decoder.mask_token": torch.zeros(WIDTH), "target_encoder.norm.weight": torch.ones(WIDTH)}
    path = folder / "weights.pth"
    torch.save({**state, **others}, path)
    return path


@pytest.fixture
def file(state: dict[str, Tensor], tmp_path: Path) -> Path:
    return save(state, tmp_path)


def sines(positions: Tensor, width: int) -> Tensor:
    steps = torch.arange(width // 2) / width / 2.0
    angles = torch.outer(positions.float(), 1.0 / 10000**steps)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def oracle(
    state: dict[str, Tensor], samples: dict[str, Tensor], months: Tensor, patch: int, gsd: float
) -> Tensor:
    """Features (N, D, h, w), for samples (N, H, W, T, bands of a modality)."""
    own = {name.removeprefix("encoder."): value for name, value in state.items()}
    quarter = WIDTH // 4
    tokens, sizes = [], []
    for modality, sample in samples.items():
        n, height, width, dates, _ = sample.shape
        rows, cols = height // patch, width // patch
        made, first = torch.zeros(n, rows, cols, dates, len(SETS[modality]), WIDTH), 0
        for number, bands in enumerate(SETS[modality]):
            stem = f"patch_embeddings.per_modality_embeddings.{modality}.{modality}__{number}.proj"
            for date in range(dates):
                planes = sample[..., date, first : first + len(bands)].permute(0, 3, 1, 2)
                if patch != 8:
                    size = (rows * 8, cols * 8)
                    planes = functional.interpolate(planes, size=size, mode="bicubic", antialias=True)
                out = functional.conv2d(planes, own[f"{stem}.weight"], own[f"{stem}.bias"], stride=8)
                made[:, :, :, date, number] = out.permute(0, 2, 3, 1)
            first += len(bands)
        channel = own[f"composite_encodings.per_modality_channel_embeddings.{modality}"]
        for row in range(rows):
            for col in range(cols):
                scale = gsd * patch / 10
                place = torch.cat([sines(torch.tensor([p * scale]), quarter // 2)[0] for p in (col, row)])
                made[:, row, col, ..., 3 * quarter :] += place
        made[..., :quarter] += channel
        made[..., quarter : 2 * quarter] += own["composite_encodings.pos_embed"][:dates][:, None]
        month = own["composite_encodings.month_embed.weight"][months]
        made[..., 2 * quarter : 3 * quarter] += month[:, None, None, :, None]
        tokens.append(made.flatten(1, 4))
        sizes.append((rows, cols, dates, len(SETS[modality])))
    x = torch.cat(tokens, dim=1)
    for block in range(DEPTH):
        part = {
            k.removeprefix(f"blocks.{block}."): v for k, v in own.items() if k.startswith(f"blocks.{block}.")
        }
        y = functional.layer_norm(x, (WIDTH,), part["norm1.weight"], part["norm1.bias"])
        q, k, v = (
            functional.linear(y, part[f"attn.{name}.weight"], part[f"attn.{name}.bias"])
            .unflatten(2, (HEADS, WIDTH // HEADS))
            .transpose(1, 2)
            for name in "qkv"
        )
        weight = (q @ k.transpose(2, 3) / math.sqrt(WIDTH // HEADS)).softmax(dim=-1)
        mixed = (weight @ v).transpose(1, 2).flatten(2)
        x = x + functional.linear(mixed, part["attn.proj.weight"], part["attn.proj.bias"])
        y = functional.layer_norm(x, (WIDTH,), part["norm2.weight"], part["norm2.bias"])
        y = functional.gelu(functional.linear(y, part["mlp.fc1.weight"], part["mlp.fc1.bias"]))
        x = x + functional.linear(y, part["mlp.fc2.weight"], part["mlp.fc2.bias"])
    x = functional.layer_norm(x, (WIDTH,), own["norm.weight"], own["norm.bias"])
    means, first = [], 0
    for shape in sizes:
        count = math.prod(shape)
        means.append(x[:, first : first + count].unflatten(1, shape).mean(dim=(3, 4)))
        first += count
    return torch.stack(means, -1).mean(-1).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("case", "kinds", "dates", "patch", "gsd"),
    [
        ("optical", ("sentinel2_l2a",), 1, 4, 10.0),
        ("radar", ("sentinel1",), 2, 8, 20.0),
        ("both", ("sentinel2_l2a", "sentinel1"), 3, 2, 10.0),
    ],
)
def test_features_equal_those_of_the_authors(
    case: str, kinds: tuple[str, ...], dates: int, patch: int, gsd: float
) -> None:
    bands = [NAMES[band] for kind in kinds for group in SETS[kind] for band in group]
    encoder = OlmoEarth(bands, size=Size(64, 2, 4), patch=patch, layers=(1,), dates=dates, gsd=gsd)
    shapes = {name: tuple(value.shape) for name, value in encoder.state_dict().items()}
    encoder.load_state_dict({name: torch.from_numpy(value) for name, value in weights(shapes).items()})
    planes = torch.from_numpy(image(1, dates, len(bands), 4 * patch, 4 * patch))
    months = 4.0 * torch.arange(dates)[None]
    with torch.no_grad():
        found = encoder.eval()(planes, About(months=months))[-1]
    expected = np.load(GOLDEN / "olmoearth.npz")[case]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5 * np.abs(expected).max())


def test_the_table_of_dates_may_be_in_the_file_or_not(state: dict[str, Tensor], tmp_path: Path) -> None:
    """Files of the authors' present code lack it; it is computed."""
    table = "encoder.composite_encodings.pos_embed"
    assert table in state
    request = EncoderRequest(name=NANO, bands=["vv", "vh"], weights=save(state, tmp_path))
    with_table = build_encoder(request).state_dict()
    save({name: value for name, value in state.items() if name != table}, tmp_path)
    without = build_encoder(request).state_dict()
    assert with_table.keys() == without.keys()
    assert all(torch.equal(with_table[name], value) for name, value in without.items())


@pytest.mark.parametrize(
    ("kinds", "dates", "patch", "size", "gsd"),
    [
        (("sentinel2_l2a",), 1, 4, (16, 16), 10.0),
        (("sentinel2_l2a", "sentinel1"), 3, 4, (16, 24), 10.0),
        (("sentinel1",), 2, 8, (32, 16), 20.0),
        (("sentinel2_l2a",), 2, 2, (8, 12), 30.0),
        (("sentinel2_l2a",), 1, 5, (20, 15), 10.0),
        (("sentinel1",), 1, 1, (5, 7), 10.0),
    ],
)
def test_features_equal_those_of_the_published_equations(
    kinds: tuple[str, ...],
    dates: int,
    patch: int,
    size: tuple[int, int],
    gsd: float,
    state: dict[str, Tensor],
    file: Path,
) -> None:
    generator = torch.Generator().manual_seed(1)
    bands = [band for kind in kinds for group in SETS[kind] for band in group]
    image = torch.randn(2, dates, len(bands), *size, generator=generator)
    months = torch.randint(0, 12, (2, dates), generator=generator)
    samples = {
        kind: image[:, :, [bands.index(b) for group in SETS[kind] for b in group]].permute(0, 3, 4, 1, 2)
        for kind in kinds
    }
    expected = oracle(state, samples, months, patch, gsd)
    request = EncoderRequest(
        name=NANO, bands=[NAMES[b] for b in bands], dates=dates, patch=patch, gsd=gsd, weights=file
    )
    encoder = build_encoder(request).eval()
    with torch.no_grad():
        found = encoder(image, About(months=months.float()))[-1]
        encoder.fix_size(*size)
        fixed = encoder(image, About(months=months.float()))[-1]
    greatest = float(expected.abs().max())
    assert float((found - expected).abs().max()) <= 1e-5 * greatest
    assert torch.equal(found, fixed)


def test_only_complete_groups_are_read(state: dict[str, Tensor], file: Path) -> None:
    ten_metres = EncoderRequest(name=NANO, bands=["red", "green", "blue", "nir", "swir16"], weights=file)
    encoder = build_encoder(ten_metres)
    assert isinstance(encoder, OlmoEarth)
    assert encoder.groups == [("sentinel2_l2a", 0)]
    kept = encoder.patch_embeddings.state_dict()[
        "per_modality_embeddings.sentinel2_l2a.sentinel2_l2a__0.proj.bias"
    ]
    name = "encoder.patch_embeddings.per_modality_embeddings.sentinel2_l2a.sentinel2_l2a__0.proj.bias"
    assert torch.equal(kept, state[name])
    with pytest.raises(UsageError, match=r"all bands of a group \(vv, vh; blue, green, red, nir; "):
        build_encoder(EncoderRequest(name=NANO, bands=["green", "swir16"]))
    with pytest.raises(UsageError, match="takes 1 to 12 dates, not 13"):
        build_encoder(EncoderRequest(name=NANO, bands=["vv", "vh"], dates=13))


@pytest.mark.parametrize("name", ["encoder.blocks.1.attn.q.weight", "encoder.norm.bias"])
def test_a_file_without_a_weight_is_refused(name: str, state: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({key: value for key, value in state.items() if key != name}, path)
    with pytest.raises(ModelError, match=f"missing: {name.removeprefix('encoder.')}"):
        build_encoder(EncoderRequest(name=NANO, bands=["vv", "vh"], weights=path))


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("olmoearth-1-nano", 1.4),
        ("olmoearth-1-tiny", 6.2),
        ("olmoearth-1-base", 89),
        ("olmoearth-1-large", 308),
    ],
)
def test_sizes_are_those_that_the_authors_state(name: str, millions: float) -> None:
    known = encoders()[name]
    count = sum(math.prod(shape) for shape in published(known.width, known.depth).values())
    assert count / 1e6 == pytest.approx(millions, rel=0.03)
    assert known.licence == "Ai2 Artifact License"


def test_bands_and_tokens_are_those_of_complete_groups() -> None:
    encoder = encoders()[NANO]
    assert readable(encoder, ("nir", "red", "green", "blue", "swir16")) == ("blue", "green", "red", "nir")
    assert readable(encoder, ("red", "green", "blue", "nir08", "swir16", "swir22")) == ()
    assert tokens_per_patch(encoder, ("blue", "green", "red", "nir", "vv", "vh"), 3) == 6


def test_an_even_image_stays_even_when_it_is_resized() -> None:
    torch.testing.assert_close(enlarging(12, 4).sum(dim=1), torch.ones(24))
