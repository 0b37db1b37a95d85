"""What is evaluated: a bundle, or a classical method with its options."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

from geoseg.errors import UsageError
from geoseg.spec import FloodSpec
from geoseg.tasks.water_choice import CLASSICAL, METHODS

OPTIONS = {
    "--threshold": "threshold",
    "--thresholding": "thresholding",
    "--polarisation": "polarisation",
    "--speckle": "speckle",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something that makes maps."""

    name: str
    """What people call it."""
    model: str | None = None
    """Name or path of a bundle."""
    options: dict[str, str] = field(default_factory=dict)
    """Fields of a `FloodSpec` of a classical method."""


def method_subject(text: str) -> Subject:
    """Read a method with options as they stand on the command line: `sar-vh --threshold -20`.

    Raises:
        UsageError: there is no such method or option.
    """
    name, *words = shlex.split(text) or [""]
    if name not in {*METHODS, CLASSICAL}:
        raise UsageError(f"no water method {name!r}; there are {CLASSICAL}, {', '.join(METHODS)}")
    options = {"method": name}
    for option, value in zip(words[::2], words[1::2], strict=False):
        if option not in OPTIONS or OPTIONS[option] not in FloodSpec.model_fields:
            raise UsageError(f"--method {text!r}: {option} is none of {', '.join(OPTIONS)}")
        options[OPTIONS[option]] = value
    if len(words) % 2:
        raise UsageError(f"--method {text!r}: {words[-1]} has no value")
    return Subject(name=text, options=options)
