"""Request of models describe: facts about a network of the user that its file does not state."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from geoseg.spec import text
from geoseg.spec.base import Spec, Units
from geoseg.spec.fields import FOLDER, Overwrite, Tile
from geoseg.spec.models import Activation
from geoseg.spec.option import ENGINE, INPUT, OUTPUT, Option
from geoseg.spec.palette import model_colour

_CLASS = re.compile(r"(?:(\d+)\s*=)?\s*(.+?)\s*(?::\s*(#[0-9a-fA-F]{6}))?")


ListedClass = tuple[int, str, str]
"""Value, label and colour `#rrggbb`."""


def class_list(value: object) -> object:
    """Parse `LABEL,LABEL,…`, each optionally with a value and a colour: `1=field:#33a02c`.

    A label without value has its position, counted from 0.

    Raises:
        ValueError: an entry has another form, or a value that class maps cannot hold.
    """
    if not isinstance(value, str):
        return value
    found = []
    for position, entry in enumerate(value.split(",")):
        match = _CLASS.fullmatch(entry.strip())
        number = position if match is None or match[1] is None else int(match[1])
        if match is None or number > 254 or len(match[2]) > 2000:
            raise ValueError(f"{entry!r} is not LABEL or VALUE=LABEL[:#rrggbb] with a value of 0 to 254")
        colour = (match[3] or model_colour(position)).lower()
        found.append((number, match[2], colour))
    return tuple(found)


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    if "" in names or len(set(names)) < len(names):
        raise ValueError(f"{','.join(names)} has an empty or a repeated name")
    return names


def _above_zero(values: tuple[float, ...]) -> tuple[float, ...]:
    if any(value <= 0 for value in values):
        raise ValueError("a standard deviation is not above 0")
    return values


class DescribeRequest(Spec):
    """A description of a network, written as a bundle."""

    network: Annotated[
        str,
        Option(
            "An ONNX file, or hf:ORG/NAME[/FILE.onnx] of the Hugging Face hub.",
            metavar="NETWORK",
            argument=True,
            missing="no NETWORK is given; add an ONNX file or hf:ORG/NAME",
        ),
    ]
    output: Annotated[Path | None, FOLDER] = None
    bands: Annotated[
        tuple[str, ...],
        BeforeValidator(text.words),
        AfterValidator(_distinct),
        Option(
            "Bands in the order of the channels: common names, or the names of --sensor (B04,B03,B02).",
            metavar="NAME,NAME,…",
            panel=INPUT,
            common=True,
        ),
    ] = ()
    sensor: Annotated[
        str | None,
        Option(
            "Sensor of the training data: --scale holds for the values that its products store.",
            metavar="NAME",
            panel=INPUT,
            common=True,
            suggest="sensors",
        ),
    ] = None
    scale: Annotated[
        float | None,
        Option(
            "Factor from stored values of --sensor (with --units: from values in that unit; without both: "
            "from digital numbers) to the network's values, before --mean and --std.",
            metavar="S",
            panel=INPUT,
            common=True,
        ),
    ] = None
    offset: Annotated[
        float | None,
        Option("Number added after --scale.", metavar="O", panel=INPUT, default="0"),
    ] = None
    units: Annotated[
        Units | None,
        Option("Unit of the values that --scale multiplies, in place of stored values.", panel=INPUT),
    ] = None
    clip: Annotated[
        tuple[float, float] | None,
        text.reads(text.pair),
        Option("Limits of the network's values, before --mean and --std.", metavar="LOW,HIGH", panel=INPUT),
    ] = None
    mean: Annotated[
        tuple[float, ...],
        BeforeValidator(text.numbers),
        Option(
            "Mean that is subtracted: one, or one for each band.", metavar="M,M,…", panel=INPUT, common=True
        ),
    ] = ()
    std: Annotated[
        tuple[float, ...],
        BeforeValidator(text.numbers),
        AfterValidator(_above_zero),
        Option(
            "Standard deviation that the difference is divided by: one, or one for each band.",
            metavar="D,D,…",
            panel=INPUT,
            common=True,
        ),
    ] = ()
    preset: Annotated[
        Literal["imagenet"] | None,
        Option(
            "imagenet: 8-bit red, green, blue, divided by 255 and normalised by the mean and standard "
            "deviation of ImageNet. Other options override its parts.",
            panel=INPUT,
        ),
    ] = None
    classes: Annotated[
        tuple[ListedClass, ...],
        BeforeValidator(class_list),
        Option(
            "Classes in the order of the output planes. An entry may have a value and a colour: "
            "1=field:#33a02c.",
            metavar="LABEL,LABEL,…",
            panel=OUTPUT,
            common=True,
        ),
    ] = ()
    background: Annotated[
        str | None,
        Option(
            "Class without polygons, by label or value; none: every class is mapped.",
            metavar="LABEL|VALUE|none",
            panel=OUTPUT,
            default="the class whose label means it",
        ),
    ] = None
    activation: Annotated[
        Activation | None,
        Option(
            "Activation that turns the output into scores; none: the network ends in one.",
            panel=ENGINE,
            default="from the graph and one tile",
        ),
    ] = None
    threshold: Annotated[
        float | None,
        Field(gt=0, lt=1),
        Option("Least score of the class of a network with one plane.", metavar="SCORE", default="0.5"),
    ] = None
    tile: Tile = None
    resolution: Annotated[
        float | None,
        Field(gt=0),
        Option("Pixel size of the training data in m.", metavar="M", panel=INPUT, default="that of --sensor"),
    ] = None
    licence: Annotated[str | None, Option("Licence of the weights.", metavar="SPDX", panel=OUTPUT)] = None
    title: Annotated[str | None, Option("Title for people.", metavar="TEXT", panel=OUTPUT)] = None
    sources: Annotated[
        tuple[Path, ...],
        Option(
            "Read what a file of another program states: config.json of segmentation-models-pytorch, "
            "config.json or preprocessor_config.json of Hugging Face, an MLM item, an ESRI .emd. Repeatable; "
            "options override it.",
            name="from",
            metavar="FILE",
            panel=INPUT,
        ),
    ] = ()
    overwrite: Overwrite = False
