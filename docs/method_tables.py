"""Write the tables of methods and encoders in docs/*.md from their classes: `python docs/method_tables.py`.

A table stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->`; what is between them is replaced.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoseg.spec import EncoderSpec
from geoseg.spec.presets import encoders
from geoseg.tasks.change.choose import default_method
from geoseg.tasks.change.method import ChangeMethod
from geoseg.tasks.change.methods import change_methods
from geoseg.tasks.flood.method import WaterMethod
from geoseg.tasks.flood.methods import water_methods
from geoseg.tasks.methane.method import MethaneMethod
from geoseg.tasks.methane.methods import methane_methods

DOCS = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of a page."""

    page: str
    """File name in docs/."""
    name: str
    """Of the markers around it."""
    header: tuple[str, ...]
    methods: Callable[[], Iterable[Any]]
    """The methods that get a row each, in order."""
    row: Callable[[Any], Sequence[str]]
    """The cells of a method."""

    def text(self) -> str:
        """The table as Markdown."""
        head, *rows = (
            "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
            for cells in (self.header, *map(self.row, self.methods()))
        )
        return "\n".join((head, "|---" * len(self.header) + "|", *rows)) + "\n"

    def put_in(self, page: str) -> str:
        """Return the text of the page with this table in its place.

        Raises:
            ValueError: the page has no such place.
        """
        begin, end = f"<!-- {self.name}:begin -->\n", f"<!-- {self.name}:end -->"
        found = re.search(re.escape(begin) + r"(.*?)" + re.escape(end), page, re.DOTALL)
        if found is None:
            raise ValueError(f"{self.page} has no place for a table: {begin.strip()} … {end}")
        return page[: found.start(1)] + self.text() + page[found.end(1) :]


def _water_row(method: WaterMethod) -> tuple[str, ...]:
    """A water method: what it reads, compares and takes for water."""
    between = {"all": ", ", "first": " or ", "each": " and/or "}[method.bands_used]
    least = method.needs.scenes_before
    rule = method.threshold
    shore = "" if rule.shore is None else f"; {rule.shore:.3g} next to open water".replace("-", "−")
    return (
        f"`{method.name}`",
        between.join(method.bands),
        f"{least}{' or more' if method.needs.all_before else ''}" if least else "",
        method.formula,
        "below" if rule.water_below else "above",
        f"{rule.fixed:.3g}".replace("-", "−"),
        "scene" if rule.from_scene else f"fixed{shore}",
        method.citation,
    )


def _automatic() -> list[WaterMethod]:
    """Water methods that `auto` takes, preferred first for each kind of sensor."""
    automatic = [method for method in water_methods().values() if method.preference < math.inf]
    return sorted(automatic, key=lambda method: (method.needs.kind, method.preference))


THRESHOLDS = {
    "robust": "spread of most pixels",
    "ki": "minimum error",
    "otsu": "Otsu",
    "chi2": "chi-square at `--alpha`",
}
"""Algorithms that fix a threshold of change, in words."""


def _summary(method: object) -> str:
    """The first line of the docstring of a method's class, without the full stop."""
    return (type(method).__doc__ or "").splitlines()[0].removesuffix(".")


def _change_row(method: ChangeMethod) -> tuple[str, ...]:
    """A method of change: what it compares, and its defaults."""
    kind = method.needs.kind
    default = f" (`auto` for {kind})" if method == default_method(kind) else ""
    return (
        f"`{method.name}`{default}",
        _summary(method),
        ", ".join(method.bands) or ("one polarisation" if kind == "sar" else "all"),
        "" if method.normalisation == "none" else f"`{method.normalisation}`",
        f"{method.smooth} × {method.smooth}",
        THRESHOLDS[method.thresholding[0]],
        method.citation,
    )


def _methane_row(method: MethaneMethod) -> tuple[str, ...]:
    """A retrieval of methane columns: what it compares and needs."""
    return (
        f"`{method.name}`",
        method.needs.kind,
        _summary(method),
        ", ".join(method.bands) or "2122 to 2488 nm",
        "`--reference`" if method.needs.reference else "",
        method.citation,
    )


def _encoder_row(encoder: EncoderSpec) -> tuple[str, ...]:
    """A pretrained encoder: what it reads, and the licence of its weights."""
    kinds = (", ".join(band.name for band in part.bands) for part in encoder.modalities)
    low, high = encoder.dates
    return (
        f"`{encoder.name}`",
        "; ".join(kinds),
        str(high) if low == high else f"{low} to {high}",
        ", ".join(encoder.metadata),
        f"{encoder.width} × {encoder.depth}",
        f"{encoder.patch}",
        encoder.licence,
        encoder.citation,
    )


TABLES = (
    Table(
        page="which-model.md",
        name="encoders",
        header=("encoder", "bands", "dates", "also reads", "width × depth", "patch, px", "licence", "source"),
        methods=lambda: encoders().values(),
        row=_encoder_row,
    ),
    Table(
        page="flood.md",
        name="auto",
        header=("scene", "method", "where that cannot separate water"),
        methods=_automatic,
        row=lambda method: (method.suits, f"`{method.name}`", ", ".join(f"`{n}`" for n in method.fallbacks)),
    ),
    Table(
        page="flood.md",
        name="methods",
        header=(
            "method",
            "bands",
            "scenes before",
            "compares",
            "water",
            "fixed threshold",
            "`auto` threshold",
            "source",
        ),
        methods=lambda: water_methods().values(),
        row=_water_row,
    ),
    Table(
        page="change.md",
        name="methods",
        header=("method", "compares", "bands", "`--normalise`", "`--smooth`", "threshold (`auto`)", "source"),
        methods=lambda: change_methods().values(),
        row=_change_row,
    ),
    Table(
        page="methane.md",
        name="methods",
        header=("method", "instrument", "compares", "bands", "needs", "source"),
        methods=lambda: methane_methods().values(),
        row=_methane_row,
    ),
)


def main() -> None:
    """Write all tables."""
    for table in TABLES:
        path = DOCS / table.page
        path.write_text(table.put_in(path.read_text(encoding="utf-8")), encoding="utf-8")
        sys.stderr.write(f"{path}: {table.name}\n")


if __name__ == "__main__":
    main()
