"""Load published weights into an encoder: every key is used, or listed as not needed."""

from __future__ import annotations

import codecs
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from geoseg.models.networks.encoders.encoder import Encoder
from torch import Tensor, nn

from geoseg.errors import ModelError
from geoseg.files.doors import loading
from geoseg.files.hashes import file_sha256
from geoseg.spec import EncoderWeights

SHOWN = 5
"""Keys that an error names."""

_SCALAR = np.float64(0).__reduce__()[0]
_NUMBERS: list[Any] = [
    *((_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f8", "f4", "i8")),
    codecs.encode,
]
"""What torch may build of a file apart from tensors: numbers of numpy, such as scores of a training."""


def load_weights(
    encoder: Encoder, path: Path, facts: EncoderWeights, target: nn.Module | None = None
) -> None:
    """Load the weights of a file.

    Args:
        encoder: states which published weights its bands do not need.
        path: `.safetensors`, or a file of `torch.save` without code.
        facts: hash of the file, prefix of the keys, keys that are not used.
        target: the module whose names the keys have; None: the encoder.

    Raises:
        ModelError: the file cannot be read, has another hash, or a key is missing, unknown or of another
            shape.
    """
    check_hash(path, facts.sha256)
    given = {
        key.removeprefix(facts.prefix): value
        for key, value in read_state(path).items()
        if key.startswith(facts.prefix)
    }
    module = encoder if target is None else target
    known = module.state_dict()
    wanted = {
        key: value
        for key, value in given.items()
        if key in known or not (key.startswith(facts.ignore) or encoder.is_unused(key))
    }
    fill(module, wanted, path, "encoder", dict.fromkeys(known))


def fill(
    module: nn.Module, given: Mapping[str, Tensor], path: Path, what: str, names: Mapping[str, str | None]
) -> None:
    """Load weights into a module that needs each of them.

    Args:
        module: gets the weights.
        given: weights by their name in the file.
        path: the file, for messages.
        what: the module, for messages.
        names: name in the module of each name in the file; None: the same.

    Raises:
        ModelError: a key is missing, unknown, of another shape or type, or has a value that is not finite.
    """
    own = module.state_dict()
    known = {name: own[ours or name] for name, ours in names.items()}
    problems = [
        _list("missing", known.keys() - given.keys()),
        _list("unknown", given.keys() - known.keys()),
        _list(
            "of another shape",
            {
                f"{key} {tuple(given[key].shape)}, not {tuple(known[key].shape)}"
                for key in given.keys() & known.keys()
                if given[key].shape != known[key].shape
            },
        ),
        # Integers would be copied as they are: those of a quantised file mean nothing without their scales.
        _list(
            "of another type",
            {
                f"{key} {_type(given[key])}, not {_type(known[key])}"
                for key in given.keys() & known.keys()
                if given[key].is_floating_point() != known[key].is_floating_point()
            },
        ),
        _list(
            "not finite",
            {
                key
                for key in given.keys() & known.keys()
                if given[key].is_floating_point() and not given[key].float().isfinite().all()
            },
        ),
    ]
    if any(problems):
        raise ModelError(
            f"{path}: the weights do not fit the {what}: {'; '.join(text for text in problems if text)}"
        )
    module.load_state_dict({names[name] or name: value for name, value in given.items()})


def read_state(path: Path) -> Mapping[str, Tensor]:
    """Return the tensors of a file by key; those of a checkpoint under `state_dict` or `model`.

    Raises:
        ModelError: the file is no file of tensors.
    """
    remedy = "the file is damaged, or was not written by torch.save or safetensors"
    try:
        with loading(path, "the weights cannot be read", remedy, passing=(OSError, pickle.UnpicklingError)):
            if path.suffix == ".safetensors":
                from safetensors.torch import load_file  # noqa: PLC0415 - for such files only

                return dict(load_file(path))
            with torch.serialization.safe_globals(_NUMBERS):
                found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"{path}: the weights cannot be read: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        # The message of torch recommends to run the code of the file.
        raise ModelError(
            f"{path}: the weights cannot be read: the file is damaged, or holds other objects than tensors, "
            "which may run code. Write its state_dict alone, by safetensors or torch.save"
        ) from error
    for name in ("state_dict", "model"):
        if isinstance(found, dict) and isinstance(found.get(name), dict):
            found = found[name]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise ModelError(f"{path}: the file holds no table of tensors")
    return found


def check_hash(path: Path, sha256: str) -> None:
    """Raise ModelError where a file has another SHA-256; an empty one is not checked."""
    try:
        found = file_sha256(path) if sha256 else ""
    except OSError as error:
        raise ModelError(f"{path}: the weights cannot be read: {error.strerror}") from error
    if found != sha256:
        raise ModelError(f"{path}: its SHA-256 is {found}, not {sha256}: it is another file, or broken")


def _type(value: Tensor) -> str:
    """Return the name of the type of a tensor's numbers, such as float32."""
    return str(value.dtype).removeprefix("torch.")


def _list(what: str, keys: set[str]) -> str:
    """Return the first keys of a problem as text; empty without keys."""
    if not keys:
        return ""
    names = sorted(keys)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{what}: {', '.join(names[:SHOWN])}{more}"
