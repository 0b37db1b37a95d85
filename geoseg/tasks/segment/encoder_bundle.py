"""An encoder as a bundle: an ONNX graph of its dense features, exported once and cached.

The engine runs it as any network, on every runtime; torch is needed for the export only.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geoseg import __version__
from geoseg.bundles.description import to_spec
from geoseg.bundles.encoder_files import weights_file
from geoseg.bundles.external_data import check_external, sha256_of
from geoseg.bundles.find import write_bundle
from geoseg.bundles.mlm import DESCRIPTION
from geoseg.errors import ModelError, RuntimeMissingError, UsageError
from geoseg.files.disk import writing
from geoseg.files.inputs import opened
from geoseg.files.locks import locked
from geoseg.files.scratch import scratch_folder, scratching
from geoseg.messages import note
from geoseg.models.networks.encoders.band_groups import readable, tokens_per_patch
from geoseg.runtimes.engines import CACHE, cache_folder
from geoseg.spec import ClassSpec, EncoderSpec, ModelBand, ModelSpec
from geoseg.spec.encoders import EncoderModality, metadata_channels
from geoseg.spec.models import EMBEDDING
from geoseg.spec.presets import encoders

LOG = logging.getLogger(__name__)

FORMAT = 3
"""Version of the exported graphs; a new version exports them again."""

GOOD_TOKENS, MOST_TOKENS = 2048, 8192
"""Tokens of a tile that attend to each other: of the default tile, and most of any. Time and memory grow with
their square: 8192 tokens of 8 heads take 2 GiB in one layer."""

LEAST_SIDE = 16
"""px, smallest tile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderChoice:
    """Which encoder, with which weights and sizes."""

    name: str
    """Name of a description in `configs/encoders`."""
    weights: str = "auto"
    """`auto`: the published weights; `none`: random ones, always the same; else a file."""
    patch: int | None = None
    """px, side of a patch; None: that of the encoder."""
    tile: int | None = None
    """px, side of a tile; None: as many patches as the encoder was trained on, fewer for many dates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderBundle:
    """An exported encoder."""

    model: ModelSpec
    """Its planes are features at `model.stride`; bands have the prefix of their date (`t2:red`)."""
    encoder: EncoderSpec
    weights: str
    """Identity of the weights: SHA-256 of their file, `timm:NAME`, or `random`."""
    bands: tuple[str, ...]
    """Of one date."""
    dates: int

    @property
    def width(self) -> int:
        """Return D, the number of features."""
        return len(self.model.classes)


def described_encoder(name: str) -> EncoderSpec:
    """Return the description of an encoder.

    Raises:
        UsageError: there is none.
    """
    known = encoders()
    if name not in known:
        raise UsageError(f"there is no encoder {name}; geoseg has {', '.join(known)}")
    return known[name]


def date_prefixes(dates: int) -> tuple[str, ...]:
    """Return the prefix of the bands of each date: none for a single date, else `t1`, `t2` and so on."""
    return ("",) if dates == 1 else tuple(f"t{index + 1}" for index in range(dates))


def encoder_bundle(
    choice: EncoderChoice, bands: Sequence[str], *, dates: int = 1, gsd: float | None = None
) -> EncoderBundle:
    """Return an encoder as a bundle, from the cache of the user or exported now.

    Args:
        choice: the encoder.
        bands: common names of the bands of one date, of one modality of the encoder.
        dates: number of dates; the bands of date 2 are `t2:red` and so on.
        gsd: pixel size in m; None: that of the training images.

    Raises:
        UsageError: there is no such encoder, it does not take the bands, dates or patches, or the tile is not
            possible.
        ModelError: the weights are missing or do not fit.
        RuntimeMissingError: the encoder is not in the cache, and the packages of the export are missing.
        OutputError: the cache cannot be written.
    """
    encoder = described_encoder(choice.name)
    if not encoder.dates[0] <= dates <= encoder.dates[1]:
        low, high = encoder.dates
        raise UsageError(f"encoder {encoder.name} takes {low} to {high} dates, not {dates}")
    patch = choice.patch or encoder.patch
    if not encoder.patches[0] <= patch <= encoder.patches[1]:
        low, high = encoder.patches
        raise UsageError(f"encoder {encoder.name} takes patches of {low} to {high} pixels, not {patch}")
    modality = modality_of(encoder, bands)
    tokens = tokens_per_patch(encoder, bands, dates)
    tile = choice.tile or default_tile(encoder, patch, tokens)
    check_tile(encoder, tile, patch, tokens)
    pixel = float(f"{gsd or encoder.gsd:.3g}") if encoder.positions == "computed" else encoder.gsd
    file, identity = _weights(encoder, choice.weights)
    spec = _description(encoder, modality, bands, dates, tile, patch, identity)
    key = {
        "format": FORMAT,
        "geoseg": __version__,
        "encoder": encoder.model_dump(mode="json"),
        "weights": identity,
        "gsd": pixel,
        "model": spec.model_dump(mode="json"),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    folder = cache_folder("encoders") / f"{encoder.name}-p{patch}-{tile}px-{digest[:16]}"
    model = _cached(folder)
    if model is None:
        model = _export(encoder, spec, folder, file, bands, dates, patch, pixel)
    opened(model.weights)
    return EncoderBundle(model=model, encoder=encoder, weights=identity, bands=tuple(bands), dates=dates)


def default_tile(encoder: EncoderSpec, patch: int, tokens: int) -> int:
    """Return the side of a tile in pixels.

    Args:
        encoder: states the patches of a side that it was trained on.
        patch: px.
        tokens: of a patch.
    """
    side = min(encoder.tile, max(2, math.isqrt(GOOD_TOKENS // tokens)))
    return max(side * patch, -(-LEAST_SIDE // patch) * patch)


def check_tile(encoder: EncoderSpec, tile: int, patch: int, tokens: int) -> None:
    """Check that a tile is made of patches, and that not too many tokens attend to each other.

    Raises:
        UsageError: it is not possible.
    """
    if tile < LEAST_SIDE or tile % patch:
        raise UsageError(
            f"tile {tile} must be a multiple of the patch of {patch} pixels, and {LEAST_SIDE} at least"
        )
    count = (tile // patch) ** 2 * tokens
    if count > MOST_TOKENS:
        good = default_tile(encoder, patch, tokens)
        fits = (good // patch) ** 2 * tokens <= MOST_TOKENS
        hint = f"use `--tile {good}`" if fits else "use fewer dates or a greater patch"
        raise UsageError(
            f"encoder {encoder.name}: a tile of {tile} pixels has {count} tokens of patches, dates and "
            f"groups of bands, and each attends to all others: {MOST_TOKENS} at most; {hint}"
        )


def modality_of(encoder: EncoderSpec, bands: Sequence[str]) -> EncoderModality:
    """Return the modality of an encoder that has all the bands.

    Raises:
        UsageError: none has all of them, or the encoder does not read one of them.
    """
    for modality in encoder.modalities if bands else ():
        if set(bands) <= {band.name for band in modality.bands} and set(readable(encoder, bands)) == set(
            bands
        ):
            return modality
    kinds = "; ".join(", ".join(band.name for band in modality.bands) for modality in encoder.modalities)
    raise UsageError(
        f"encoder {encoder.name} reads complete groups of bands of one kind of sensor ({kinds}), not "
        f"{', '.join(bands) or 'none'}"
    )


def _weights(encoder: EncoderSpec, asked: str) -> tuple[Path | None, str]:
    """Return the file of the weights and their identity; None: random ones, or those that timm fetches."""
    if asked == "none":
        return None, "random"
    if asked == "auto" and encoder.weights is None:
        return None, f"timm:{encoder.architecture}"
    path = weights_file(encoder, asked)
    return path, sha256_of(path)


def _description(
    encoder: EncoderSpec,
    modality: EncoderModality,
    bands: Sequence[str],
    dates: int,
    tile: int,
    patch: int,
    identity: str,
) -> ModelSpec:
    """Return the description of the bundle, with weights in model.onnx."""
    facts = {band.name: band for band in modality.bands}
    prefixes = [f"{prefix}:" if prefix else "" for prefix in date_prefixes(dates)]
    return ModelSpec(
        name=f"{encoder.name}-p{patch}-{tile}px",
        title=encoder.title,
        task=EMBEDDING,
        bands=tuple(
            ModelBand(name=prefix + name, mean=facts[name].mean, std=facts[name].std)
            for prefix in prefixes
            for name in bands
        ),
        units=modality.units,
        scale=modality.scale,
        fill=encoder.centre,
        tile=tile,
        overlap=tile // (4 * patch) * 2 * patch,
        multiple=patch,
        stride=patch,
        fixed_tile=True,
        resolution=encoder.gsd,
        metadata=metadata_channels(encoder.metadata, date_prefixes(dates)),
        activation="linear",
        classes=tuple(
            ClassSpec(value=i, label=f"e{i:02d}", colour="#000000") for i in range(encoder.features(dates))
        ),
        background=None,
        weights=Path("model.onnx"),
        input_name="image",
        output_name="features",
        licence=encoder.licence,
        encoder="" if identity == "random" else f"{encoder.name} ({encoder.licence}): {encoder.citation}",
    )


def _cached(folder: Path) -> ModelSpec | None:
    """Return an exported encoder; None if there is none, or it is damaged."""
    if not (folder / DESCRIPTION).is_file():
        return None
    try:
        model = to_spec(folder / DESCRIPTION, folder / "model.onnx")
        check_external(model)
        whole = sha256_of(model.weights) == model.sha256
    except (ModelError, OSError):
        return None
    return model if whole else None


def _export(
    encoder: EncoderSpec,
    spec: ModelSpec,
    folder: Path,
    file: Path | None,
    bands: Sequence[str],
    dates: int,
    patch: int,
    gsd: float,
) -> ModelSpec:
    """Export an encoder into its folder of the cache."""
    try:
        from geoseg.models.networks.encoders.build_encoder import EncoderRequest  # noqa: PLC0415 - imports torch
        from geoseg.models.networks.encoders.export_encoder import export_encoder  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise RuntimeMissingError(
            f"encoder {encoder.name} has not been exported on this machine, which needs the package "
            f"{error.name}: pip install 'geoseg[train]'"
        ) from error
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    waiting = f"waiting for the export of {encoder.name}"
    with locked(folder / ".lock", lambda: note(LOG, waiting), f"set another folder in {CACHE}"):
        if (model := _cached(folder)) is not None:
            return model
        note(
            LOG, f"encoder {encoder.name} is exported once for tiles of {spec.tile} px, patches of {patch} px"
        )
        request = EncoderRequest(
            name=encoder.name,
            bands=tuple(bands),
            dates=dates,
            size=(spec.tile, spec.tile),
            patch=patch if encoder.family != "timm" else None,
            gsd=gsd,
            weights=file,
            fetch=file is None and spec.encoder != "",
        )
        with scratch_folder() as scratch, scratching(scratch):
            width, stride = export_encoder(request, graph := scratch / "model.onnx", encoder.centre)
            if (width, stride) != (len(spec.classes), spec.stride):
                raise ModelError(
                    f"encoder {encoder.name} has {width} features at a stride of {stride} pixels; its "
                    f"description states {len(spec.classes)} and {spec.stride}"
                )
            return write_bundle(
                folder, spec.model_copy(update={"weights": graph}), architecture=encoder.family
            )
