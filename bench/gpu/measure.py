"""Measure networks on the GPU of this machine, with this folder and few requirements.

    python3 measure.py [--quick] [--cpu] [--minutes 7] [--bundles FOLDER] [--out FILE.md]
    python3 measure.py --export FOLDER      on a machine with torch: write the networks as ONNX files
    python3 measure.py --onnx FOLDER        on a machine without torch: measure these files

It requires Python 3.10 or newer and numpy. It uses torch, onnx, onnxruntime, TensorRT 8.5 to 11, and the
geoseg of this checkout (whose sweep makes maps) where they are installed. It needs no
network connection. It prints tables in Markdown: tiles per second by network, runtime and precision, in
comparison with plain torch (eager float32 without and with TensorFloat-32, and autocast); the share of the
roofline; agreement with float32; and gigapixels per minute from stored strips on the host to classes on the
host.

Measurements that fail or do not start in time are listed below the tables and do not affect others. The file
of `--out` is rewritten after each row, so that an interrupted run leaves the rows measured so far. Rates are
those of many calls between two synchronisations with the device, after warm-up calls.

Networks have random weights with a fixed seed, so that only their speed is meaningful. FLOP and bytes are
counted from the shapes of convolutions and matrix products: weights, inputs and outputs of each once. The
roofline uses the peak of the device from PEAKS, or else a peak measured with a large matrix product and a
large copy.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gpu_networks import count, free, import_torch, networks_of, spread
from gpu_onnxruntime import measure_onnxruntime, reads_files
from gpu_rates import known_peak, peak_of, scene_tiles
from gpu_report import Net, Report, Setting, table
from gpu_strips import measure_strips, measure_sweep
from gpu_tensorrt import Driver, has_driver, measure_tensorrt
from gpu_torch import export, measure_torch

MOST_AT_ONCE, ROOMY = 16, 16 * 2**30
"""Tiles per call of TensorRT and onnxruntime, and the device memory in bytes that they require."""


def bundles_of(folder: Path, tile: int, report: Report) -> list[Net]:
    """Return the bundles that geoseg ships, from a checkout."""
    found = sorted(folder.glob("*/model.json")) if folder.is_dir() else []
    if not found:
        report.skip(f"shipped bundles: none at {folder}")
    nets = []
    for path in found:
        bands = len(json.loads(path.read_text())["properties"]["mlm:input"][0]["bands"])
        nets.append(Net(path.parent.name, path.with_name("model.onnx"), bands, tile))
    return nets


def files_of(folder: Path) -> list[Net]:
    """Return the files of `--export`, whose names end with number of bands and tile size."""
    nets = []
    for path in sorted(folder.glob("*.onnx")):
        name, bands, tile = path.stem.rsplit("-", 2)
        flop, size, weights = json.loads(path.with_suffix(".json").read_text())
        nets.append(Net(name, path, int(bands), int(tile), (flop, size, weights)))
    return nets


def export_bundles(nets: list[Net], target: Path, report: Report) -> None:
    """Write the shipped bundles in a form that TensorRT 8.5 reads."""
    try:
        from geoseg.runtimes.tensorrt.tensorrt_graph import graph_for
    except ImportError as error:
        report.skip(f"shipped bundles for TensorRT 8.5: {error}")
        return
    for net in nets:
        written = target / f"{net.name}-{net.bands}-{net.tile}.onnx"
        written.write_bytes(graph_for(net.path, (8, 5), typed=None))
        written.with_suffix(".json").write_text(json.dumps(net.work))


def read_options() -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--quick", action="store_true", help="use small tiles and short measurements, for a test")
    add("--cpu", action="store_true", help="do not use a GPU")
    add("--seconds", type=float, default=1.0, help="duration of each measurement")
    add("--minutes", type=float, default=7.0, help="time after which no measurement starts")
    add("--only", default="", help="only networks whose name contains this text")
    add("--bundles", type=Path, default=Path(__file__).parents[2] / "models" / "zoo")
    add("--export", type=Path, metavar="FOLDER", help="write the networks to this folder, and stop")
    add("--onnx", type=Path, metavar="FOLDER", help="measure the networks in this folder")
    add("--tactics", default="", help="TensorRT's tactic sources as bits; 0 without cuBLAS and cuDNN")
    add("--out", type=Path, help="also write the tables to this file")
    return parser.parse_args()


def measure_networks(
    torch: Any, setting: Setting, report: Report, only: str, folder: Path, *, exporting: bool, measuring: bool
) -> list[Net]:
    """Make each network, measure it in torch, write it as ONNX, and return the networks written."""
    nets = []
    for name, (bands, make) in networks_of(torch, setting).items():
        if only not in name:
            continue
        torch.manual_seed(0)
        network = make().eval()
        spread(torch, network, torch.from_numpy(scene_tiles(bands, setting.tile, 1)))
        work = count(torch, network, torch.zeros(1, bands, setting.tile, setting.tile))
        net = Net(name, folder / f"{name}-{bands}-{setting.tile}.onnx", bands, setting.tile, work)
        if measuring:
            measure_network(torch, net, network, setting, report)
        if exporting and export(torch, network, bands, setting.tile, net.path, report, name):
            net.path.with_suffix(".json").write_text(json.dumps(work))
            nets.append(net)
    return nets


def measure_network(torch: Any, net: Net, network: Any, setting: Setting, report: Report) -> None:
    """Measure a network in torch, alone and from strips to classes."""

    def alone() -> None:
        net.scores = measure_torch(torch, net.name, network, net.bands, setting, report)

    report.attempt("network", f"{net.name} by torch", alone)
    strips = lambda: measure_strips(torch, net.name, network, net.bands, setting, report)  # noqa: E731
    report.attempt("strips", f"{net.name} from strips to classes", strips)
    free(torch)


def measure_nets(nets: list[Net], setting: Setting, report: Report, tactics: str) -> None:
    """Measure files with onnxruntime, then with TensorRT, one precision after the other."""
    for net in nets:
        work = lambda net=net: measure_onnxruntime(net, setting, report)  # noqa: E731
        report.attempt("onnxruntime", f"{net.name} by onnxruntime", work)
    if setting.device == "cpu":
        report.skip("TensorRT: no GPU is available")
        return
    for precision in ("fp16", "int8", "fp32", "bf16"):
        for net in nets:
            work = lambda net=net: measure_tensorrt(net, precision, setting, report, tactics)  # noqa: B023, E731
            report.attempt("TensorRT", f"{net.name}, TensorRT {precision}", work)


def device_of(torch: Any) -> tuple[str, int]:
    """Return name and memory in bytes of the first device."""
    if torch is not None:
        return torch.cuda.get_device_name(0), torch.cuda.get_device_properties(0).total_memory
    driver = Driver()
    return driver.name, driver.total


def main() -> int:
    options = read_options()
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    # Least durations, so that such a measurement does not start late.
    long = {} if options.quick else {"network": 40.0, "TensorRT": 90.0}
    report = Report(until=time.monotonic() + 60 * options.minutes, longest=long)
    torch = import_torch()
    in_torch = torch is not None and torch.cuda.is_available()
    cuda = not options.cpu and (in_torch or has_driver())
    if not cuda:
        report.skip("GPUs: --cpu was given" if options.cpu else "GPUs: none was found")
    setting = Setting(
        device="cuda:0" if cuda else "cpu",
        tile=64 if options.quick else 512,
        batches=(1, 2) if options.quick else (1, 8, 32) if cuda else (1,),
        seconds=0.05 if options.quick else options.seconds,
        quick=options.quick,
    )
    where = f"{platform.processor() or platform.machine()} (CPU)"
    if cuda:
        where, total = device_of(torch if in_torch else None)
        setting.at_once = 2 if options.quick else MOST_AT_ONCE if total >= ROOMY else MOST_AT_ONCE // 4
    note, peaks = known_peak(where)
    measuring = (
        torch is not None and options.onnx is None and options.export is None and (in_torch or not cuda)
    )
    if torch is None:
        report.skip("networks of this script: torch is not installed")
    elif cuda and not in_torch:
        report.skip(f"torch: {torch.__version__} has no GPU")
    if measuring:
        where = f"{where}, torch {torch.__version__}"
        peaks, note = peak_of(torch, setting, where)
    where = f"{where}, tiles of {setting.tile}²"

    def text() -> str:
        return table(report, peaks, where, note)

    if options.out is not None:
        report.save = lambda: options.out.write_text(text(), encoding="utf-8") and None
    bundles = bundles_of(options.bundles, setting.tile, report)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.export or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        nets = files_of(options.onnx) if options.onnx is not None else []
        if torch is not None and options.onnx is None:
            exporting = options.export is not None or reads_files(cuda)
            nets = measure_networks(
                torch, setting, report, options.only, folder, exporting=exporting, measuring=measuring
            )
        if options.export is not None:
            export_bundles(bundles, folder, report)
            return 0
        if measuring:
            for net in bundles:
                for runtime in ("onnxruntime", *(("tensorrt",) if cuda and find_spec("tensorrt") else ())):
                    work = lambda net=net, by=runtime: measure_sweep(net.name, by, setting, report)  # noqa: E731
                    report.attempt("sweep", f"{net.name} by geoseg's sweep, {runtime}", work)
            # Other work on the machine can only reduce a measured peak, so the greater of two is used.
            again, _ = peak_of(torch, setting, where)
            peaks.update({key: max(value, again[key]) for key, value in peaks.items()})
            free(torch)
        written = {net.name for net in nets}
        nets += [net for net in bundles if net.name not in written]
        measure_nets(nets, setting, report, options.tactics)
    report.save()
    print(text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
