"""Build an encoder by the name of its description or of a model in timm, with or without weights."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import timm
from geoseg.models.networks.encoders.band_groups import IN_GROUPS
from geoseg.models.networks.encoders.clay import Clay
from geoseg.models.networks.encoders.dofa import Dofa
from geoseg.models.networks.encoders.encoder import LEVELS, Encoder
from geoseg.models.networks.encoders.galileo import Galileo, NormalisedNdvi, Size
from geoseg.models.networks.encoders.load_weights import load_weights
from geoseg.models.networks.encoders.olmoearth import OlmoEarth
from geoseg.models.networks.encoders.prithvi import Prithvi
from geoseg.models.networks.encoders.terramind import TerraMind
from geoseg.models.networks.encoders.timm_encoder import TimmEncoder, adapted_kernel
from torch import nn

from geoseg.errors import UsageError
from geoseg.messages import note
from geoseg.spec import EncoderSpec, EncoderWeights
from geoseg.spec.presets import encoders

LOG = logging.getLogger(__name__)

NO_FACTS = EncoderWeights(url="", ignore=("head.", "fc.", "classifier."))
"""Of a file of weights that no description names: layers that classify whole images are not used."""

LONGEST_OPTICAL = 3.0
"""Wavelengths in µm below which kernels are interpolated between bands."""

RGB: Mapping[str, float | None] = {"red": 0.665, "green": 0.56, "blue": 0.49}
"""Wavelengths in µm of the bands of weights trained on photographs, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderRequest:
    """What an encoder is built for."""

    name: str
    """Name of a description in `configs/encoders`, or `tu-` and the name of a model in timm."""
    bands: Sequence[str]
    """Common names of the channels of one date."""
    dates: int = 1
    """T."""
    size: tuple[int, int] = (256, 256)
    """Height and width of images in training."""
    patch: int | None = None
    """Pixels of a side of a patch; None: the encoder's."""
    gsd: float | None = None
    """Pixel size in m; None: the encoder's."""
    statistics: Sequence[tuple[float, float]] = ()
    """Mean and std that each band is normalised with; empty: those of the encoder."""
    weights: Path | None = None
    """File of published weights; None: random, unless `fetch`."""
    fetch: bool = False
    """Whether timm finds its own weights, for models whose description names none."""

    @property
    def random(self) -> bool:
        """Whether no pretrained weights are wanted."""
        return self.weights is None and not self.fetch


def build_encoder(request: EncoderRequest, described: EncoderSpec | None = None) -> Encoder:
    """Build an encoder.

    Args:
        request: what it is built for.
        described: a description in place of the one of this name.

    Raises:
        UsageError: there is no such encoder, or it does not take the bands, dates or patches.
        ModelError: the weights do not fit.
    """
    name, dates, patch = request.name, request.dates, request.patch
    known = described or encoders().get(name)
    if known is None:
        return _plain_timm(name.removeprefix("tu-"), request)
    if not known.dates[0] <= dates <= known.dates[1]:
        raise UsageError(f"encoder {name} takes {known.dates[0]} to {known.dates[1]} dates, not {dates}")
    if patch is not None and not known.patches[0] <= patch <= known.patches[1]:
        raise UsageError(f"encoder {name} takes patches of {known.patches[0]} to {known.patches[1]} pixels")
    return FAMILIES[known.family](known, request)


def _in_groups(known: EncoderSpec, request: EncoderRequest) -> Encoder:
    """Build an encoder that reads whole groups of bands: Galileo or OlmoEarth."""
    bands = list(request.bands)
    unknown = sorted(set(bands) - set(known.bands))
    if unknown:
        raise UsageError(
            f"encoder {known.name} has no band {', '.join(unknown)}; it has {', '.join(known.bands)}"
        )
    options: dict[str, Any] = {
        "size": Size(known.width, known.depth, known.heads),
        "patch": request.patch or known.patch,
        "layers": known.layers,
        "dates": request.dates,
        "gsd": request.gsd or known.gsd,
    }
    encoder = (
        Galileo(bands, ndvi=_ndvi(known, bands, request.statistics), **options)
        if known.family == "galileo"
        else OlmoEarth(bands, **options)
    )
    read = {band for group in IN_GROUPS[known.family] if set(group) <= set(bands) for band in group}
    if unused := sorted(set(bands) - read):
        note(LOG, f"encoder {known.name} does not read {', '.join(unused)}: its group lacks a band")
    if request.weights is not None:
        load_weights(encoder, request.weights, known.weights or NO_FACTS)
    return encoder


def _ndvi(
    known: EncoderSpec, bands: Sequence[str], statistics: Sequence[tuple[float, float]]
) -> NormalisedNdvi | None:
    """Return the module that computes NDVI; None where it is given, or red or near infrared is not."""
    nir = next((band for band in ("nir", "nir08") if band in bands), None)
    if "ndvi" in bands or "red" not in bands or nir is None:
        return None
    facts = known.bands
    used = list(statistics) or [(facts[band].mean, facts[band].std) for band in bands]
    red_at, nir_at = bands.index("red"), bands.index(nir)
    return NormalisedNdvi(
        (red_at, *used[red_at]), (nir_at, *used[nir_at]), (facts["ndvi"].mean, facts["ndvi"].std)
    )


def _plain_timm(name: str, request: EncoderRequest) -> Encoder:
    """Build a model of timm without a description; its weights are of photographs."""
    if request.patch is not None:
        raise UsageError(f"encoder {name}: network.patch is for encoders whose patches can be resized")
    if name not in timm.list_models():
        near = [*encoders(), *timm.list_models(f"*{name.split('_', maxsplit=1)[0]}*")[:5]]
        raise UsageError(f"there is no encoder {name}; there are {', '.join(near)} … of timm as tu-NAME")
    if request.random:
        note(LOG, f"encoder {name} starts from random weights")
    return _timm(name, request, RGB, NO_FACTS)


def _prithvi(known: EncoderSpec, request: EncoderRequest) -> Prithvi:
    """Build a Prithvi encoder; kernels for other bands are interpolated by wavelength."""

    def build(bands: int) -> Prithvi:
        return Prithvi(
            bands,
            width=known.width,
            depth=known.depth,
            heads=known.heads,
            patch=known.patch,
            layers=known.layers,
            dates=request.dates,
            reads=tuple(known.metadata),
        )

    encoder = build(len(request.bands))
    if request.weights is not None:
        source = build(len(known.bands))
        load_weights(source, request.weights, known.weights or NO_FACTS)
        wavelengths = {name: band.wavelength for name, band in known.bands.items()}
        _take(encoder, source, wavelengths, request.bands, known.name)
    return encoder


def _by_wavelengths(known: EncoderSpec, request: EncoderRequest) -> Dofa | Clay:
    """Build an encoder whose kernels are generated from the wavelengths of its bands."""
    facts = known.bands
    others = [band for band in request.bands if band not in facts]
    waves = dict(zip(others, _wavelengths(others), strict=True)) if others else {}
    bands = [waves.get(band) or facts[band].wavelength or 0.0 for band in request.bands]
    sizes = {"width": known.width, "depth": known.depth, "heads": known.heads}
    encoder: Dofa | Clay = (
        Clay(bands, layers=known.layers, gsd=request.gsd or known.gsd, **sizes)
        if known.family == "clay"
        else Dofa(bands, layers=known.layers, **sizes)
    )
    if request.weights is not None:
        load_weights(encoder, request.weights, known.weights or NO_FACTS)
    return encoder


def _terramind(known: EncoderSpec, request: EncoderRequest) -> TerraMind:
    """Build a TerraMind encoder; it has kernels for its own bands only."""
    encoder = TerraMind(
        request.bands,
        width=known.width,
        depth=known.depth,
        heads=known.heads,
        layers=known.layers,
        gated=known.gated,
    )
    if request.weights is not None:
        load_weights(encoder, request.weights, known.weights or NO_FACTS)
    return encoder


def _described_timm(known: EncoderSpec, request: EncoderRequest) -> Encoder:
    """Build a model of timm that has a description."""
    wavelengths = {name: band.wavelength for name, band in known.bands.items()}
    return _timm(known.architecture, request, wavelengths, known.weights or NO_FACTS, known.layers)


def _timm(
    architecture: str,
    request: EncoderRequest,
    known: Mapping[str, float | None],
    facts: EncoderWeights,
    layers: Sequence[int] | int = LEVELS,
) -> TimmEncoder:
    """Build a model of timm, with weights for the bands of the request if it names any.

    Args:
        architecture: name in timm.
        request: bands, dates, sizes and weights.
        known: wavelength in µm of each band of the weights, in their order.
        facts: of the file of the weights.
        layers: blocks or stages whose features are returned, or their number.
    """
    options: dict[str, Any] = {"size": request.size, "layers": layers, "dates": request.dates}
    encoder = TimmEncoder(architecture, len(request.bands), **options)
    if request.random:
        return encoder
    source = TimmEncoder(architecture, len(known), pretrained=request.weights is None, **options)
    if request.weights is not None:
        load_weights(source, request.weights, facts, source.model)
    _take(encoder, source, known, request.bands, architecture)
    return encoder


def _wavelengths(bands: Sequence[str]) -> list[float]:
    """Return the wavelength of each band in µm.

    Raises:
        UsageError: a band has none, as radar and indices.
    """
    known = {
        band.name: band.wavelength
        for item in encoders().values()
        for band in item.bands.values()
        # Clay gives radar numbers in place of wavelengths.
        if band.wavelength is not None and band.wavelength < LONGEST_OPTICAL
    }
    missing = [band for band in bands if known.get(band) is None]
    if missing:
        raise UsageError(
            f"the weights are for bands with wavelengths, and {', '.join(missing)} has none: set "
            "network.weights to none"
        )
    return [known[band] or 0.0 for band in bands]


def _take(
    encoder: Encoder, source: Encoder, known: Mapping[str, float | None], bands: Sequence[str], name: str
) -> None:
    """Copy the weights of an encoder of other bands; its first convolution is adapted by wavelength."""
    state, own = dict(source.state_dict()), encoder.state_dict()
    if tuple(known) != tuple(bands):
        others = _wavelengths([band for band in bands if band not in known])
        wanted = [known.get(band) or others.pop(0) for band in bands]
        first = next(key for key, value in own.items() if value.dim() > 3 and value.shape[1] == len(bands))
        state[first] = adapted_kernel(state[first], [value or 0.0 for value in known.values()], wanted)
        note(
            LOG,
            f"encoder {name}: its kernels for {', '.join(known)} are interpolated by "
            f"wavelength to {', '.join(bands)}",
        )
    nn.Module.load_state_dict(encoder, state)


FAMILIES: Mapping[str, Callable[[EncoderSpec, EncoderRequest], Encoder]] = MappingProxyType(
    {
        "timm": _described_timm,
        "galileo": _in_groups,
        "olmoearth": _in_groups,
        "prithvi": _prithvi,
        "dofa": _by_wavelengths,
        "clay": _by_wavelengths,
        "terramind": _terramind,
    }
)
"""Function that builds the encoders of a family."""
