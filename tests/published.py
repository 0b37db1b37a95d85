"""Small published networks with random weights under the published names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from geoseg.models.networks import published as module
from geoseg.models.networks.published import PublishedNetwork, build_published, official

from geoseg.spec import EncoderSpec, PublishedSpec
from geoseg.spec.presets import encoders, published_models
from tests.models.networks.encoders.random_weights import weights

FLOOD, BURNS = "prithvi-eo-2.0-300m-tl-sen1floods11", "prithvi-eo-2.0-300m-burnscars"
OLD, CROPS = "prithvi-eo-1.0-100m-sen1floods11", "prithvi-eo-1.0-100m-multi-temporal-crop-classification"
CHANNELS = {FLOOD: (16,), BURNS: (32, 16, 8, 8), OLD: (16,), CROPS: (16,)}
TABLES = {FLOOD: "model.encoder.pos_embed", BURNS: "model.encoder.pos_embed", OLD: "backbone.pos_embed"}


def use_small_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build encoders of the sizes in bench/published_oracles.py; those of 2.0 read date and place."""
    small: dict[str, EncoderSpec] = {
        name: item.model_copy(
            update={
                "width": 64,
                "depth": 4,
                "heads": 4,
                "layers": (0, 1, 2, 3),
                "metadata": {"date": "optional", "lonlat": "optional"} if "2.0" in name else {},
            }
        )
        for name, item in encoders().items()
        if item.family == "prithvi"
    }
    monkeypatch.setattr(module, "encoders", lambda: small)


def small(name: str, count: int = 3) -> PublishedSpec:
    known = published_models()[name]
    classes = (*known.classes, *published_models()[CROPS].classes[2:])[:count]
    weights = known.weights.model_copy(update={"sha256": "", "size": 0})
    changed = {
        "channels": CHANNELS[name],
        "classes": classes,
        "depth": None,
        "heads": None,
        "weights": weights,
    }
    return known.model_copy(update=changed)


def state(network: PublishedNetwork, layout: str) -> dict[str, Any]:
    """Random weights under their published names."""
    names = {official(key, layout): value for key, value in network.state_dict().items()}
    drawn = weights({name: tuple(v.shape) for name, v in names.items() if v.dtype.is_floating_point})
    made = {name: torch.from_numpy(value) for name, value in drawn.items()}
    for name in names:
        if name.endswith("running_var"):
            made[name] = made[name].abs() + 0.5
        elif name not in made:
            made[name] = torch.tensor(1)
    return made


def saved(tmp_path: Path, name: str, count: int = 3, **changed: object) -> tuple[Path, PublishedSpec]:
    """A file as its authors save it: with a table of positions, and a head for training only in mmseg."""
    spec = small(name, count)
    made = state(build_published(spec), spec.layout)
    made[TABLES.get(name, "backbone.pos_embed")] = torch.zeros(1, 197, 64)
    if spec.layout == "mmseg-fcn":
        made["auxiliary_head.conv_seg.weight"] = torch.zeros(3, 16, 1, 1)
    made.update(changed)
    about = {"epoch": 3, "hyper_parameters": {"lr": 0.1}, "meta": {"mIoU": np.float64(0.5)}}
    torch.save({"state_dict": {key: value for key, value in made.items() if value is not None}, **about},
               path := tmp_path / "weights.pt")  # fmt: skip
    return path, spec
