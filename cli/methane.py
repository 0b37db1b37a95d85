"""`geoseg methane`: maps of methane plumes and of facilities."""

from __future__ import annotations

from . import facilities, plume
from .command import add, group

app = group("Map methane plumes with source rates, and facilities that may emit methane.")
add(app, "plume", plume.plume)
add(app, "facilities", facilities.facilities)
