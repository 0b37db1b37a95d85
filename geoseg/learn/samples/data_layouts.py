"""Layouts of published sets (`geoseg/configs/layouts/*.yaml`): where files are, what values mean."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from geoseg.learn.samples.file_patterns import ImageSpec, LabelSpec, Pattern, SplitSpec
from geoseg.spec import Spec
from geoseg.spec.documents import find_document, parse_document

ROOT = "{root}/"
"""Beginning of a list of ids that lies in the folder of the set."""


class LayoutData(Spec):
    """Keys of `data` that a layout may state; a config states those that are missing."""

    images: tuple[ImageSpec, ...] = ()
    labels: LabelSpec | None = None
    layers: dict[str, Pattern] = {}
    without: tuple[str, ...] = ()
    doubtful: tuple[str, ...] = ()


class DataLayout(Spec):
    """The layout of a published labelled set."""

    title: str
    licence: str
    """Of images and labels, as far as it is known."""
    source: str
    """Who publishes the set, and from what the layout is known."""
    data: LayoutData
    """Keys of `data` in a config, which may replace each of them."""
    split: SplitSpec | None = None
    """Keys of `split`: that of the publishers. Lists of ids begin with `{root}/`."""


@cache
def data_layout(name: str) -> DataLayout:
    """Return the layout of a name, or of a YAML file.

    Raises:
        UsageError: there is no such layout; the message names similar ones.
    """
    return parse_document(*find_document(name, "layouts"), DataLayout, {})


def with_layout(data: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of `data` in a config, with those of its layout where they are not given."""
    name = data.get("layout")
    # The description of a training holds all keys, and may be read where a layout of the user is not.
    if not isinstance(name, str) or {"images", "labels"} <= set(data):
        return data
    return {**data_layout(name).data.model_dump(exclude_unset=True), **data}


def layout_split(data: dict[str, Any]) -> dict[str, Any] | None:
    """Return the split of the layout of a config; None without one."""
    name = data.get("layout")
    stated = data_layout(name).split if isinstance(name, str) else None
    found = {} if stated is None else stated.model_dump(exclude_unset=True)
    root = Path(str(data.get("root") or ""))
    return {
        key: [_placed(item, root) for item in value] if isinstance(value, tuple) else value
        for key, value in found.items()
    } or None


def _placed(item: str, root: Path) -> str:
    return str(root / item.removeprefix(ROOT)) if item.startswith(ROOT) else item
