"""Read the folder of a training: config, statistics and weights."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import torch
from pydantic import JsonValue, TypeAdapter, ValidationError
from torch import nn

from geoseg.errors import ModelError, SceneReadError
from geoseg.files.doors import opening
from geoseg.files.inputs import opened
from geoseg.learn.train import LAST_CHECKPOINT
from geoseg.learn.train.trainer import CHECKPOINTS, DESCRIPTION
from geoseg.learn.train.training_spec import PaceSpec
from geoseg.spec import Spec

AnySpec = TypeVar("AnySpec", bound=Spec)
Measured = TypeVar("Measured")

_TABLE = TypeAdapter(dict[str, JsonValue])


def read_description(
    folder: Path, kind: type[AnySpec], measured: TypeAdapter[Measured]
) -> tuple[AnySpec, Measured]:
    """Read the config that a training used, and its statistics.

    Args:
        folder: the folder of the training.
        kind: the class of the config.
        measured: validates the statistics.

    Raises:
        SceneReadError: the folder has no training of this kind.
    """
    table = _described(folder)
    try:
        return kind.model_validate(table["spec"]), measured.validate_python(table["statistics"])
    except (KeyError, ValidationError) as error:
        raise SceneReadError(
            f"{folder / DESCRIPTION}: not the description of a training; give a folder of `geoseg train`"
        ) from error


def task_of(folder: Path) -> str:
    """Return the task of a training.

    Raises:
        SceneReadError: the folder has no training.
    """
    spec = _described(folder).get("spec")
    return str(spec.get("task", "")) if isinstance(spec, dict) else ""


def _described(folder: Path) -> dict[str, JsonValue]:
    path = folder / DESCRIPTION
    opened(path)
    try:
        return _TABLE.validate_json(path.read_bytes())
    except OSError as error:
        raise SceneReadError(
            f"{folder}: {DESCRIPTION} is missing; give a folder of `geoseg train`"
        ) from error
    except ValidationError as error:
        raise SceneReadError(
            f"{path}: not the description of a training; give a folder of `geoseg train`"
        ) from error


def load_weights(network: nn.Module, folder: Path, loop: PaceSpec, checkpoint: Path | None = None) -> None:
    """Load the weights of a training into a network.

    Args:
        network: built from the config.
        folder: the folder of the training.
        loop: states which checkpoint to use.
        checkpoint: a checkpoint that replaces it.

    Raises:
        SceneReadError: the checkpoint cannot be read.
        ModelError: the checkpoint belongs to another network.
    """
    chosen = folder / CHECKPOINTS / f"{loop.keep}.ckpt"
    path = checkpoint or (chosen if chosen.is_file() else folder / LAST_CHECKPOINT)
    opened(path)
    with opening(path, "give a checkpoint of geoseg train"):
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    weights = {
        name.removeprefix("network."): value for name, value in state.items() if name.startswith("network.")
    }
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{path}: the weights do not fit the network in {DESCRIPTION}: {error}") from error
