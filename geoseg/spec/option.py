"""How a field of a request is written as an option: on a command line, in a file, in a form."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

COMMON = "Common options"
INPUT = "Input"
METHOD = "Method"
OUTPUT = "Output"
CLEANING = "Cleaning"
ENGINE = "Engine"
REPORTING = "Reporting"

PANELS = (COMMON, INPUT, METHOD, OUTPUT, CLEANING, ENGINE, REPORTING)
"""Groups of options, in the order of the help."""


@dataclass(frozen=True)
class Option:
    """The option of a field; it stands in the field's `Annotated` metadata.

    On a field that holds a `SceneSpec`, or several, the option's value names the scene by its path.
    """

    help: str
    """One or two sentences; also the field's `description`."""
    _: KW_ONLY
    name: str = ""
    """The long option without its dashes; empty: the field's name."""
    metavar: str = ""
    """How the value is written; empty: the choices, or nothing for a flag."""
    panel: str = METHOD
    """Group of the help."""
    common: bool = False
    """Whether it is listed among the common options, before all panels."""
    short: str = ""
    """Short flag, such as `-o`."""
    argument: bool = False
    """Whether the command line takes it by position."""
    default: str = ""
    """What happens without it, in words; empty: the field's default."""
    word: str = ""
    """How the value None is written, where it has a word."""
    missing: str = ""
    """What is said where it is required and not given; empty: a general text."""
    choices: tuple[str, ...] = ()
    """Further values than those of a `Literal`: synonyms."""
    suggest: str = ""
    """Kind of names that a shell completes: `sensors`, `models`, …"""
    own: bool = False
    """In a scene: whether scenes beside it do not share the value."""
    prefix: str = ""
    """Of a scene beside another: entries of `--band` that begin so are of this scene."""

    @property
    def group(self) -> str:
        """Group of the help."""
        return COMMON if self.common else self.panel


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Which options of a nested model a command line offers; files of options know all of them."""

    only: tuple[str, ...] = ()
    """Names of fields; empty: all."""
    without: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether a field is offered."""
        return name not in self.without and (not self.only or name in self.only)
