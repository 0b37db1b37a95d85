"""A training's config: a file, or the name of one that is installed with geoseg."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from geoseg.catalog.documents import find_document, parse_document
from geoseg.train.spec import TrainSpec


def read_config(
    name_or_path: str, data: Path | None = None, changes: Mapping[str, object] | None = None
) -> TrainSpec:
    """Read and validate a config.

    Args:
        name_or_path: a YAML file, or the name of one in `geoseg/configs/train`.
        data: folder of the labelled set, instead of the config's `data.root`.
        changes: values that replace those of the config, by dotted name (`loop.epochs`).

    Raises:
        UsageError: there is no such config, or a key or value is wrong; the message gives the line.
    """
    name, text = find_document(name_or_path, "train")
    replaced = dict(changes or {})
    if data is not None:
        replaced["data.root"] = str(data)
    return parse_document(name, text, TrainSpec, replaced)
