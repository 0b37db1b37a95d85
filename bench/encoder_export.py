"""Export encoders at their full size with random weights, and check the graphs.

    python bench/encoder_export.py [NAME ...] [--dates most]

Each encoder is exported in its own process, as `geoseg embed` does once, which compares the graph with torch
on noise, and is checked as by `geoseg models check`. Prints a Markdown table: tile, dates, size of the
weights, difference from torch relative to the greatest feature (limit 1e-4), defects, versions of TensorRT
that read every operator, processor time and peak memory of export and check.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from geoseg.models.networks.encoders import export_encoder

from geoseg.bundles.find import check_bundle
from geoseg.bundles.onnx_operators import read_operators
from geoseg.runtimes.engines import CACHE
from geoseg.runtimes.tensorrt.tensorrt_operators import NEWEST_OPSET, objections
from geoseg.spec.presets import encoders
from geoseg.tasks.segment.encoder_bundle import EncoderChoice, encoder_bundle


def export(name: str, most_dates: bool) -> str:
    """Export an encoder into a temporary cache, check it, and return its row of the table."""
    encoder = encoders()[name]
    bands = [band.name for band in max(encoder.modalities, key=lambda kind: len(kind.bands)).bands]
    dates = encoder.dates[1] if most_dates else encoder.dates[0]
    differences: list[float] = []
    measure = export_encoder._difference

    def measured(*arguments: object) -> float:
        differences.append(measure(*arguments))  # type: ignore[arg-type]
        return differences[-1]

    export_encoder._difference = measured
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE] = folder
        model = encoder_bundle(EncoderChoice(name=name, weights="none"), bands, dates=dates).model
        size = sum(file.stat().st_size for file in model.weights.parent.glob("model.onnx*"))
        # The cache holds no cards.
        defects = [item.text for item in check_bundle(model.weights.parent) if "README.md" not in item.text]
        operators = read_operators(model.weights)
        readers = [
            f"{major}.{minor}" for major, minor in NEWEST_OPSET if not objections(operators, (major, minor))
        ]
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (
        f"| {name} | {model.tile} px | {dates} | {size / 1e6:.0f} MB | {differences[-1]:.1e} "
        f"| {'; '.join(defects) or 'none'} | {', '.join(readers) or 'none'} "
        f"| {used.ru_utime + used.ru_stime:.0f} s | {used.ru_maxrss / 2**20:.1f} GiB |"
    )


def main() -> None:
    """Print the table, one process an encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="default: all but those that timm has")
    parser.add_argument("--dates", choices=["least", "most"], default="least")
    parser.add_argument("--row", action="store_true", help="print one row, in this process")
    args = parser.parse_args()
    names = args.names or [name for name, encoder in encoders().items() if encoder.family != "timm"]
    if args.row:
        print(export(names[0], args.dates == "most"))
        return
    print("| encoder | tile | dates | weights | difference | defects | TensorRT | CPU | memory |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for name in names:
        subprocess.run(
            [sys.executable, str(Path(__file__)), name, "--dates", args.dates, "--row"], check=False
        )


if __name__ == "__main__":
    main()
