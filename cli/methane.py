"""`geoseg methane`: what emits methane, and how much."""

from __future__ import annotations

from . import facilities, plume
from .command import add, group

app = group("Methane plumes with emission rates, and the facilities that they come from.")
add(app, "plume", plume.plume)
add(app, "facilities", facilities.facilities)
