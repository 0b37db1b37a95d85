"""The plan of a batch as text."""

from __future__ import annotations

from geoseg.batch.estimate import Estimate, Span
from geoseg.text_columns import align


def estimate_text(estimate: Estimate) -> str:
    """Return an estimate as text."""
    rows = [
        ("scenes", f"{estimate.scenes:,}"),
        ("up to date", f"{estimate.finished:,}"),
        ("without an earlier scene", f"{estimate.unpaired:,}"),
        ("to map", f"{estimate.waiting:,}"),
        ("workers", f"{estimate.workers} of {estimate.threads} threads"),
        ("tiles", span_text(estimate.tiles, 0)),
        ("core hours", span_text(estimate.core_hours, 3)),
        ("wall hours", span_text(estimate.hours, 3)),
        ("memory", f"{estimate.memory_mib:,} MiB" if estimate.memory_mib else ""),
        ("output", f"{span_text(estimate.output_mib, 1)} MiB" if estimate.output_mib else ""),
    ]
    shown = [row for row in rows if row[1] and row[1] != "0"]
    head = ("sample", "tiles", "seconds", "cpu s", "peak MiB", "output KiB")
    sample = [
        (
            item.scene,
            "" if item.tiles is None else f"{item.tiles:,}",
            f"{item.seconds:.2f}",
            f"{item.cpu_seconds:.2f}",
            f"{item.peak_mib:,}",
            f"{item.output_bytes / 2**10:,.0f}",
        )
        for item in estimate.sample
    ]
    blocks = [align(shown)]
    if sample:
        blocks.append(align([head, *sample], right=range(1, len(head))))
    failed = [(item.scene, item.message) for item in estimate.sample if item.status == "failed"]
    if failed:
        blocks.append(align(failed))
    return "\n\n".join(blocks)


def span_text(span: Span | None, digits: int) -> str:
    """Return an estimate with its range: `12.1 (8.0 to 20.3)`."""
    if span is None:
        return ""
    mean, low, high = (f"{value:,.{digits}f}" for value in (span.mean, span.low, span.high))
    return mean if low == high else f"{mean} ({low} to {high})"
