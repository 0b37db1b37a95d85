"""A training's config: a file, or the name of one that is installed with geoseg."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from geoseg.errors import UsageError
from geoseg.learn.train.scene_spec import SCENE_CLASSIFICATION, SceneTrainSpec
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.spec.documents import find_document, parse_document


def read_config(
    name_or_path: str, data: Path | None = None, changes: Mapping[str, object] | None = None
) -> TrainSpec:
    """Read and validate the config of a segmentation network.

    Args:
        name_or_path: a YAML file, or the name of one in `geoseg/configs/train`.
        data: folder of the labelled set, instead of the config's `data.root`.
        changes: values that replace those of the config, by dotted name (`loop.epochs`).

    Raises:
        UsageError: there is no such config, a key or value is wrong (the message gives the line), or it is
            of a scene classifier.
    """
    found = read_any_config(name_or_path, data, changes)
    if isinstance(found, SceneTrainSpec):
        raise UsageError(f"{name_or_path}: trains a scene classifier, and a segmentation network is wanted")
    return found


def read_any_config(
    name_or_path: str, data: Path | None = None, changes: Mapping[str, object] | None = None
) -> TrainSpec | SceneTrainSpec:
    """Read and validate a config of any kind; its key `task` says which. See `read_config`.

    Raises:
        UsageError: there is no such config, or a key or value is wrong.
    """
    name, text = find_document(name_or_path, "train")
    replaced = dict(changes or {})
    if data is not None:
        replaced["data.root"] = str(data)
    if replaced.get("task", _task(text)) == SCENE_CLASSIFICATION:
        return parse_document(name, text, SceneTrainSpec, replaced)
    return parse_document(name, text, TrainSpec, replaced)


def _task(text: str) -> object:
    """The key `task` of a document; what is wrong with the document is said by whoever parses it."""
    try:
        table = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    return table.get("task") if isinstance(table, dict) else None
