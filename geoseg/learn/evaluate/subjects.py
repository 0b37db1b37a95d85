"""The models, methods and trivial rules whose maps are evaluated."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from geoseg.errors import UsageError
from geoseg.methods.trivial_rules import TrivialRule
from geoseg.spec import ChangeSpec, FloodSpec
from geoseg.spec.request import from_options
from geoseg.tasks.change.methods import change_methods
from geoseg.tasks.flood.choice import CLASSICAL
from geoseg.tasks.flood.methods import water_methods

OPTIONS = ("threshold", "thresholding", "polarisation", "speckle")
CHANGE_OPTIONS = (*OPTIONS, "smooth", "normalise", "alpha", "coregister")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A model, a classical method with its options, or a trivial rule; none of them: the default command."""

    name: str
    """Name in reports."""
    model: str | None = None
    """Name or path of a bundle."""
    options: dict[str, str] = field(default_factory=dict)
    """Fields of a `FloodSpec` or `ChangeSpec`, for a classical method."""
    rule: TrivialRule | None = None
    """Set for a trivial rule, which has neither a model nor options."""


def method_subject(text: str, task: str = "flood") -> Subject:
    """Parse a method with command-line options, for example `sar-vh --threshold -20`.

    Every option requires a value: `mad --coregister true`.

    Raises:
        UsageError: the method or an option does not exist, or a value is invalid.
    """
    name, *words = shlex.split(text) or [""]
    change = task == "change"
    known = tuple(change_methods()) if change else (CLASSICAL, *sorted(water_methods()))
    if name not in known:
        what = "change" if change else "water"
        raise UsageError(f"unknown {what} method {name!r}; methods are {', '.join(known)}")
    allowed = CHANGE_OPTIONS if change else OPTIONS
    options = {"method": name}
    for word, value in zip(words[::2], words[1::2], strict=False):
        option = word.removeprefix("--")
        if option == word or option not in allowed:
            listed = ", ".join(f"`--{option}`" for option in allowed)
            raise UsageError(f"`--method {text!r}`: `{word}` is not one of {listed}")
        options[option] = value
    if len(words) % 2:
        raise UsageError(f"`--method {text!r}`: `{words[-1]}` has no value")
    kind, scenes = (ChangeSpec, ("before", "after")) if change else (FloodSpec, ("scene",))
    placeholders = dict.fromkeys((*scenes, "output"), "-")
    from_options(kind, {**placeholders, **options}, lambda option: f"`--method {text!r}`: `--{option}`")
    return Subject(name=text, options=options)
