"""The card (`README.md`) of a bundle that `geoseg models describe` writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geoseg.bundles.describe import Described
    from geoseg.bundles.describe_guesses import Entry


def card_text(described: Described, *, source: str, command: str) -> str:
    """Return the text of the card.

    Args:
        described: the network.
        source: file or address that the weights are from.
        command: that wrote the bundle.
    """
    spec = described.spec
    parts = [
        f"# {spec.title}",
        f"A network of another program, described with `geoseg models describe`. Weights: {_cell(source)}. "
        f"Architecture: {_cell(described.architecture)}. Licence: {_cell(spec.licence)}.",
        "## Stated",
        _table(described.stated, "by"),
        "## Guessed",
        "Check these; an option of the command states each of them.",
        _table(described.guessed, "because"),
    ]
    if described.not_mapped:
        parts += ["## Not used", "\n".join(f"- {_cell(text)}" for text in described.not_mapped)]
    parts += [
        "## Not known",
        "Training data, places, dates and scores are not stated. The network is used with `--model` only; "
        "`geoseg evaluate maps CONFIG --model FOLDER --record` measures it on labelled scenes.",
        "## Command",
        f"    {command}",
    ]
    return "\n\n".join(parts) + "\n"


def _table(entries: Sequence[Entry], last: str) -> str:
    rows = [f"| fact | value | {last} |", "|---|---|---|"]
    rows += [f"| {_cell(item.fact)} | {_cell(item.value)} | {_cell(item.reason)} |" for item in entries]
    return "\n".join(rows)


def _cell(text: str) -> str:
    """Return a text as the content of a cell: one line, without bars."""
    return " ".join(text.split()).replace("|", "/")
