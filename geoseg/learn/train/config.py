"""Read the config of a training from a file or from those installed with geoseg."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from geoseg.errors import UsageError
from geoseg.files.doors import parsing
from geoseg.learn.train.scene_spec import SceneTrainSpec
from geoseg.learn.train.training_spec import TrainSpec
from geoseg.spec.classifiers import SCENE_CLASSIFICATION
from geoseg.spec.documents import find_document, parse_document
from geoseg.spec.yaml_text import parse_yaml


def read_config(
    name_or_path: str, data: Path | None = None, changes: Mapping[str, object] | None = None
) -> TrainSpec:
    """Read and validate the config of a segmentation network.

    Args:
        name_or_path: a YAML file, or the name of a config in `geoseg/configs/train`.
        data: folder of the labelled set; replaces `data.root` of the config.
        changes: values that replace values of the config, by dotted name (`loop.epochs`).

    Raises:
        UsageError: the config does not exist, has an invalid key or value, or is for a scene classifier.
    """
    spec = read_any_config(name_or_path, data, changes)
    if isinstance(spec, SceneTrainSpec):
        raise UsageError(
            f"{name_or_path}: the config is for a scene classifier; give a config for a segmentation network"
        )
    return spec


def read_any_config(
    name_or_path: str, data: Path | None = None, changes: Mapping[str, object] | None = None
) -> TrainSpec | SceneTrainSpec:
    """Read and validate a config of the kind that its key `task` states; see `read_config`.

    Raises:
        UsageError: the config does not exist, or has an invalid key or value.
    """
    with parsing(name_or_path):
        return _read_any_config(name_or_path, data, changes)


def _read_any_config(
    name_or_path: str, data: Path | None, changes: Mapping[str, object] | None
) -> TrainSpec | SceneTrainSpec:
    """Read a config; yaml may raise exceptions of its own."""
    name, text = find_document(name_or_path, "train")
    replaced = dict(changes or {})
    if data is not None:
        replaced["data.root"] = str(data)
    if replaced.get("task", _task(name, text)) == SCENE_CLASSIFICATION:
        return parse_document(name, text, SceneTrainSpec, replaced)
    return parse_document(name, text, TrainSpec, replaced)


def _task(name: str, text: str) -> object:
    """Return the key `task`, or None where the text is not valid YAML; the parser reports the error later."""
    try:
        _, table = parse_yaml(text, name)
    except UsageError:
        return None
    return table.get("task") if isinstance(table, dict) else None
