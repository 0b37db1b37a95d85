"""The command that describes a network completely, with guesses for what is missing."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from geoseg.bundles.deepness import ORDERS
from geoseg.bundles.graph_trial import Trial
from geoseg.bundles.stated_facts import Facts
from geoseg.errors import UsageError
from geoseg.spec import SensorSpec
from geoseg.spec.describe import DescribeRequest
from geoseg.spec.palette import model_colour
from geoseg.spec.request import places

COMMAND = ("geoseg", "models", "describe")

STORED = 10.0
"""Mean above which values are neither reflectance nor 0..1."""


def missing_options(
    request: DescribeRequest,
    facts: Facts,
    bands: Sequence[str],
    trial: Trial,
    sensor: SensorSpec | None,
    *,
    has_values: bool,
) -> None:
    """Check that everything is stated that cannot be guessed.

    Raises:
        UsageError: something is missing; the message names it and gives the whole command.
    """
    filled: dict[str, str] = {}
    if not bands:
        filled["bands"] = ",".join(_bands(trial.channels, sensor))
    if not has_values:
        filled |= _values(trial.channels, sensor, facts.mean)
    for name in ("mean", "std"):
        if not getattr(facts, name) and "preset" not in filled:
            filled[name] = "0" if name == "mean" else "1"
    if not facts.classes:
        filled["classes"] = ",".join(_classes(trial.planes))
    if request.output is None:
        filled["output"] = "bundle/"
    if not filled:
        return
    lost = [f"`--{name}`" for name in filled if name not in {"preset", "offset", "units"}]
    lost += ["`--scale` (or `--units`)"] if {"preset", "units"} & filled.keys() else []
    none = " (`--mean 0 --std 1`: nothing is subtracted)" if "mean" in filled else ""
    raise UsageError(
        f"missing: {', '.join(dict.fromkeys(lost))}. The command with guesses in their place; correct what "
        f"was otherwise in training{none}:\n  {full_command(request, filled)}"
    )


def full_command(request: DescribeRequest, filled: Mapping[str, str]) -> str:
    """Return the command with the given options, and further ones by their long name."""
    words = [*COMMAND, request.network]
    for name, place in places(DescribeRequest).items():
        if place.option.argument:
            continue
        value = getattr(request, place.paths[0][-1])
        texts = [filled[name]] if name in filled else _texts(name, value)
        for text in texts:
            words += [place.option.short or f"--{name}", text]
        if value is True:
            words.append(f"--{name}")
    return shlex.join(words)


def _texts(name: str, value: object) -> list[str]:
    """Return the values of an option as they are typed; empty: it was not given."""
    if value in (None, ()) or isinstance(value, bool):
        return []
    if name == "classes" and isinstance(value, tuple):
        return [",".join(_class_text(index, *entry) for index, entry in enumerate(value))]
    if name == "from" and isinstance(value, tuple):
        return [str(path) for path in value]
    if isinstance(value, tuple):
        return [",".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value)]
    return [f"{value:.12g}" if isinstance(value, float) else str(value)]


def _class_text(index: int, value: int, label: str, colour: str) -> str:
    """Return a class as it is typed, without the value and colour that it has by its position."""
    number = "" if value == index else f"{value}="
    return number + label + ("" if colour == model_colour(index) else f":{colour}")


def _bands(channels: int, sensor: SensorSpec | None) -> Sequence[str]:
    """Return a likely order of the bands, else placeholders."""
    if sensor is not None:
        for order in (sensor.order, *sensor.orders):
            if len(order) == channels:
                return order
    return ORDERS.get(channels) or [f"BAND{number}" for number in range(1, channels + 1)]


def _values(channels: int, sensor: SensorSpec | None, mean: Sequence[float]) -> dict[str, str]:
    """Return likely options for the values of the network; a large mean is that of stored numbers."""
    if max(mean, default=0) > STORED and (sensor is None or sensor.kind == "optical"):
        return {"scale": "1"}
    if sensor is not None and sensor.kind == "optical" and sensor.units != "dn":
        offset = {"offset": f"{sensor.offset:g}"} if sensor.offset else {}
        return {"scale": f"{sensor.scale:.12g}", **offset}
    if sensor is not None and sensor.units != "dn":
        return {"units": sensor.units}
    if channels == 3:
        return {"preset": "imagenet"}
    return {"scale": f"{1 / 255:.12g}"}


def _classes(planes: int) -> Sequence[str]:
    """Return placeholders for the names of classes."""
    return ("background", "class 1") if planes == 1 else [f"class {number}" for number in range(planes)]
