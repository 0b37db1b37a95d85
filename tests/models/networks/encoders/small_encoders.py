"""Encoders of all descriptions with a few narrow blocks: keys and equations are those of the whole."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from geoseg.models.networks.encoders import build_encoder

from geoseg.spec import EncoderSpec
from geoseg.spec.presets import encoders

SIX = ("blue", "green", "red", "nir08", "swir16", "swir22")
TEN_METRES = ("blue", "green", "red", "nir")
TIMM = "dinov3-sat-large"


@dataclass(frozen=True, kw_only=True)
class Case:
    """An encoder of a family and the images that it reads."""

    name: str
    bands: tuple[str, ...]
    dates: int = 1
    patch: int | None = None
    side: int = 32


CASES = {
    "galileo": Case(name="galileo-nano", bands=(*TEN_METRES, "vv", "vh"), dates=2, patch=4, side=16),
    "olmoearth": Case(name="olmoearth-1-nano", bands=(*TEN_METRES, "vv", "vh"), dates=2, patch=4, side=16),
    "prithvi": Case(name="prithvi-eo-2.0-300m-tl", bands=SIX, dates=3),
    "clay": Case(name="clay-1.5", bands=SIX, side=16),
    "dofa": Case(name="dofa-1-base", bands=TEN_METRES),
    "terramind": Case(name="terramind-1.0-base", bands=TEN_METRES),
    "timm": Case(name="tu-test_vit", bands=TEN_METRES),
}
"""An encoder of each family."""


def narrow(item: EncoderSpec, depth: int = 2) -> EncoderSpec:
    """A description with few narrow blocks; of timm, its smallest transformer."""
    changed: dict[str, object] = {
        "width": 64, "depth": depth, "heads": 1, "layers": tuple(range(depth)),
    }  # fmt: skip
    if item.family == "timm":
        changed["architecture"] = "test_vit"
    return item.model_copy(update=changed)


def use_small_encoders(monkeypatch: pytest.MonkeyPatch, depth: int = 2) -> dict[str, EncoderSpec]:
    """Build all encoders narrow; return their descriptions."""
    made = {name: narrow(item, depth) for name, item in encoders().items()}
    monkeypatch.setattr(build_encoder, "encoders", lambda: made)
    return made
