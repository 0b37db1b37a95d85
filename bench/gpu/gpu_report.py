"""Results of the measurements, what was not measured, and their tables in Markdown."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np


@dataclass
class Row:
    """A row of the table of networks."""

    network: str
    how: str
    precision: str
    rate: float
    """Tiles per second."""
    batch: int
    flop: float
    """Operations for a tile."""
    bytes: float
    """Bytes of the inputs and outputs of all layers for a tile, in float32."""
    weights: float
    """Bytes of the weights in float32, read once for each batch."""
    equal: float | None
    """Share of pixels whose class equals that of float32."""
    error: float | None
    """Mean absolute difference of scores."""


@dataclass
class Strips:
    """A row of the table from strips in host memory to classes in host memory."""

    network: str
    how: str
    speed: float
    """Gigapixels per minute."""
    busy: float | None
    """Share of the time in which the GPU computed, from its driver; None: unknown."""
    of_network: float | None = None
    """Ratio to the speed of the network alone."""


@dataclass
class Report:
    """The results, and the measurements that were not possible."""

    rows: list[Row] = field(default_factory=list)
    strips: list[Strips] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    until: float = float("inf")
    """Value of `time.monotonic` after which no measurement starts."""
    longest: dict[str, float] = field(default_factory=dict)
    """Seconds of the longest measurement of each kind; a measurement starts only if it may end in time."""
    save: Callable[[], None] = lambda: None
    """Writes the results so far."""

    def skip(self, text: str) -> None:
        """Record a measurement that was not possible, once."""
        if text not in self.missing:
            self.missing.append(text)
            print(f"- not measured: {text}", file=sys.stderr, flush=True)

    def add(self, row: Row) -> None:
        """Add a row, and save the results."""
        self.rows.append(row)
        print(
            f"- {row.network}, {row.how}, {row.precision}: {row.rate:.4g} tiles/s",
            file=sys.stderr,
            flush=True,
        )
        self.save()

    def attempt(self, kind: str, what: str, work: Callable[[], None]) -> None:
        """Run a measurement, or record that it failed or could not end in time."""
        begun = time.monotonic()
        if begun + self.longest.get(kind, 0.0) > self.until:
            self.skip(f"{what}: no time was left")
            return
        try:
            work()
        except Exception as error:  # libraries raise exceptions of any type
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            self.skip(f"{what}: {first}")
        self.longest[kind] = max(self.longest.get(kind, 0.0), time.monotonic() - begun)


@dataclass
class Net:
    """A network in an ONNX file."""

    name: str
    path: Path
    bands: int
    tile: int
    work: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """FLOP for a tile, bytes of its layers, bytes of weights; zero: not counted."""
    scores: np.ndarray | None = None
    """Scores of the check tiles in float32."""


@dataclass
class Setting:
    """Device, sizes and duration of the measurements."""

    device: str
    tile: int
    batches: tuple[int, ...]
    seconds: float
    """Duration of each measurement."""
    quick: bool
    at_once: int = 1
    """Tiles per call of runtimes that are measured with one batch size."""


def share_of(row: Row, peaks: dict[str, float]) -> str:
    """Return the least time that arithmetic and memory allow, as a share of the time taken."""
    peak = peaks.get(row.precision) or peaks.get("fp16") or peaks.get("fp32")
    if not peak or not row.flop or "host" in row.how:
        return "-"
    width = {"fp32": 1.0, "tf32": 1.0, "int8": 0.25}.get(row.precision, 0.5)
    least = max(row.flop / peak, (row.bytes + row.weights / row.batch) * width / peaks["bytes"])
    return f"{row.rate * least:.0%}"


def table(report: Report, peaks: dict[str, float], where: str, note: str) -> str:
    """Return the tables as Markdown."""
    lines = [f"Measured on {where}; {note}.", "", "| network | how | precision | batch | tiles/s | GFLOP/tile | of the roofline | classes equal to fp32 | mean score error |", "|---|---|---|---|---|---|---|---|---|"]  # noqa: E501  # fmt: skip
    for row in report.rows:
        equal = "-" if row.equal is None else f"{row.equal:.3%}"
        error = "-" if row.error is None else f"{row.error:.1e}"
        lines.append(
            f"| {row.network} | {row.how} | {row.precision} | {row.batch} | {row.rate:.4g} | "
            f"{f'{row.flop / 1e9:.3g}' if row.flop else '-'} | {share_of(row, peaks)} | {equal} | {error} |"
        )
    lines += ["", "| network | from stored strips to classes, copies included | Gpx/min | of the network alone | GPU busy |", "|---|---|---|---|---|"]  # noqa: E501  # fmt: skip
    for strips in report.strips:
        shares = ("-" if share is None else f"{share:.0%}" for share in (strips.of_network, strips.busy))
        lines.append(f"| {strips.network} | {strips.how} | {strips.speed:.3g} | {' | '.join(shares)} |")
    if report.missing:
        lines += ["", "Not measured:", "", *(f"- {text}" for text in report.missing)]
    return "\n".join(lines) + "\n"
