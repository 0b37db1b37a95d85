"""A scene of a batch before it is mapped: its name, its files, and the options that it has for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from geoseg.spec.batch import OptionValue


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One scene of the inputs."""

    scene: str
    """Name of the scene, unique in the batch once `geoseg.batch.inputs.read_inputs` has returned."""
    paths: tuple[str, ...]
    """Files, folders or addresses of the scene."""
    options: Mapping[str, OptionValue] = field(default_factory=lambda: MappingProxyType({}))
    """Options of this scene, by name; they override those of the command."""
    columns: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Further columns of a table, for the names of outputs."""
    item: Mapping[str, Any] | None = None
    """A STAC item of a collection, which becomes a file when the batch begins; None: `paths` are files."""
    where: str = ""
    """Place in a table, for error messages: `scenes.csv, line 3`."""
