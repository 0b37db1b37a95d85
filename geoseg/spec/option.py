"""Metadata of a request field: how the field appears as an option on a command line and in a file."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from enum import Enum

COMMON = "Common options"
INPUT = "Input"
METHOD = "Method"
OUTPUT = "Output"
CLEANING = "Cleaning"
ENGINE = "Engine"
REPORTING = "Reporting"

PANELS = (COMMON, INPUT, METHOD, OUTPUT, CLEANING, ENGINE, REPORTING)
"""Panels of `--help`, in order."""


class RunPart(Enum):
    """What a run may have that reads options; the value is the text of a message where it is missing."""

    NETWORK = "no network is used"
    ANY_NETWORK = "no network is used, neither for the map nor for clouds"
    RADAR = "no radar band is used"
    IMAGES = "class maps are compared as they are"
    ITEM = "no scene is a STAC item"


@dataclass(frozen=True)
class Option:
    """Option of a request field, stored in the field's `Annotated` metadata.

    On a field of type `SceneSpec`, or of several, the option's value is the path of the scene.
    """

    help: str
    """One or two sentences; also the field's `description`."""
    _: KW_ONLY
    name: str = ""
    """Long option without dashes; empty: the name of the field."""
    metavar: str = ""
    """Placeholder of the value in `--help`; empty: the choices, or nothing for a flag."""
    panel: str = METHOD
    """Panel of `--help`."""
    common: bool = False
    """Whether `--help` lists it among the common options, before the panels."""
    short: str = ""
    """Short flag, such as `-o`."""
    argument: bool = False
    """Whether it is a positional argument of the command line."""
    default: str = ""
    """Description of the default; empty: the default value of the field."""
    word: str = ""
    """Text that stands for the value None in files, such as `auto`; empty: none."""
    missing: str = ""
    """Error message if a required option is missing; empty: a general message."""
    choices: tuple[str, ...] = ()
    """Accepted synonyms that the `Literal` of the field does not list."""
    suggest: str = ""
    """Kind of names that the shell completes: a key of `SUGGESTIONS` in `geoseg.cli.completion`."""
    read_with: tuple[str | RunPart, ...] = ()
    """Names of options (`NAME`, or `NAME=VALUE`), or parts of a run, one of which must be there for the
    option to be read; empty: it is always read. A run warns of an option that is given and not read."""
    replaced_by: str = ""
    """Name of an option that replaces this one, which is then not read; empty: none does."""
    own: bool = False
    """In a `SceneSpec`: whether each scene of the request has its own value."""
    prefix: str = ""
    """Of a further scene: prefix of the `--band` entries that belong to this scene."""

    @property
    def group(self) -> str:
        """Panel that `--help` lists it in."""
        return COMMON if self.common else self.panel


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Options of a nested model that the command line has; a `--config` file may set all of them."""

    only: tuple[str, ...] = ()
    """Field names; empty: all."""
    without: tuple[str, ...] = ()
    """Field names that are left out."""
