"""Run commands where the machine is odd, not the input: no temporary folder, few open files, another clock.

    python -m tests.reliability.surroundings [--only flood] [--kind "clock that goes back"]

The promises are those of the campaign. Inputs that change during the run are not compared afterwards.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import resource
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.reliability.campaign import Case, case_of, lay_out, make_corpus, run_and_exit, run_cases, warm
from tests.reliability.subjects import SUBJECTS

Odd = Callable[[Path], None]
"""Is called in the process of a command, in the folder of its case, before the command."""

NAMES = (
    "flood", "change", "segment", "plume", "cube", "sites", "vectorize", "sample",
    "area-csv", "maps", "fit", "batch", "info-gpkg",
)  # fmt: skip
"""Commands: one of each task."""

DAC_OVERRIDE, DAC_READ_SEARCH = 1, 2
"""Capabilities of Linux that let root read and write in spite of permissions."""


def _temporary(name: str) -> Odd:
    def change(folder: Path) -> None:
        os.environ["TMPDIR"] = str(folder / name)

    return change


def _obedient() -> None:
    """Let permissions hold for root too."""
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    library = ctypes.CDLL(None)
    library.capget(head, sets)
    sets[0] &= ~(1 << DAC_OVERRIDE | 1 << DAC_READ_SEARCH)
    library.capset(head, sets)


def _mode(name: str, mode: int) -> Odd:
    def change(folder: Path) -> None:
        for path in sorted(folder.glob(name)):
            path.chmod(mode)
        _obedient()

    return change


def _secret(_: Path) -> None:
    os.umask(0o777)
    _obedient()


def _homeless(_: Path) -> None:
    for name in ("HOME", "GEOSEG_MODELS"):
        del os.environ[name]


def _limit(kind: int, most: int) -> Odd:
    return lambda _: resource.setrlimit(kind, (most, most))


def _closed(*streams: int) -> Odd:
    def change(_: Path) -> None:
        for stream in streams:
            os.close(stream)

    return change


def _clock(step: float) -> Odd:
    """Let the clock of the system, as Python reads it, go at another pace or backwards."""

    def change(_: Path) -> None:
        begin = time.time()
        count = iter(range(10**12))
        time.time = lambda: begin + step * next(count)
        time.time_ns = lambda: int(time.time() * 1e9)

    return change


def _during(change: Odd, seed: int) -> Odd:
    """Make a change at some moment of the run."""

    def begin(folder: Path) -> None:
        moment = random.Random(f"{seed}/{folder.name}").uniform(0.02, 1.0)

        def work() -> None:
            time.sleep(moment)
            change(folder)

        threading.Thread(target=work, daemon=True).start()

    return begin


def _inputs(folder: Path) -> list[Path]:
    return [path for path in sorted((folder / "in").rglob("*")) if path.is_file()]


def _cut(folder: Path) -> None:
    for path in _inputs(folder):
        os.truncate(path, path.stat().st_size // 2)


def _noise(folder: Path) -> None:
    for path in _inputs(folder):
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.seek(size // 3)
            file.write(random.Random(0).randbytes(max(size // 3, 1)))


def _gone(name: str) -> Odd:
    return lambda folder: shutil.rmtree(folder / name, ignore_errors=True)


def _beside(folder: Path) -> None:
    """Remove hidden folders beside the outputs, as people who tidy up do."""
    for path in [*(folder / "out").glob(".*"), *(folder / "tmp").iterdir()]:
        shutil.rmtree(path, ignore_errors=True)


def _taken(folder: Path) -> None:
    """Put a folder in the place of every output."""
    for name in ("map.gpkg", "maps", "bundle", "map.tif", "map.png"):
        (folder / "out" / name).mkdir(exist_ok=True)


BEFORE: Mapping[str, Odd] = {
    "TMPDIR that is missing": _temporary("none"),
    "TMPDIR that is a file": _temporary("stderr.txt"),
    "TMPDIR of an odd name": _temporary("-é\n"),
    "outputs that are read-only": _mode("out", 0o555),
    "outputs that cannot be searched": _mode("out", 0o600),
    "inputs that cannot be read": _mode("in/*", 0o000),
    "inputs that cannot be searched": _mode("in", 0o600),
    "home that is read-only": _mode("home", 0o555),
    "temporary files that are read-only": _mode("tmp", 0o555),
    "no stdin": _closed(0),
    "no stdout": _closed(1),
    "no stdin and no stdout": _closed(0, 1),
    "16 open files": _limit(resource.RLIMIT_NOFILE, 16),
    "40 open files": _limit(resource.RLIMIT_NOFILE, 40),
    "files of 20 kB": _limit(resource.RLIMIT_FSIZE, 20_000),
    "no files": _limit(resource.RLIMIT_FSIZE, 0),
    "nothing that is written may be read": _secret,
    "clock that goes back": _clock(-3600),
    "clock that stands": _clock(0),
    "clock that runs": _clock(86_400),
    "no HOME": _homeless,
    "ASCII": lambda _: os.environ.update(LC_ALL="C", LANG="C", PYTHONUTF8="0", COLUMNS="1"),
}
"""What is odd from the beginning."""

DURING: Mapping[str, Odd] = {
    "inputs are cut": _cut,
    "inputs become noise": _noise,
    "inputs go": _gone("in"),
    "outputs go": _gone("out"),
    "temporary files go": _gone("tmp"),
    "hidden folders go": _beside,
    "outputs are taken": _taken,
}
"""What happens during the run."""


def surroundings(seed: int) -> dict[str, Odd]:
    """Return every oddity by its name."""
    return {**BEFORE, **{name: _during(change, seed) for name, change in DURING.items()}}


def odd_runs(
    work: Path, *, seed: int, jobs: int, only: str = "", kind: str = "", chosen: slice = slice(None)
) -> list[Case]:
    """Run commands in odd surroundings in an empty folder."""
    subjects = [subject for subject in SUBJECTS if subject.name in NAMES and only in {"", subject.name}]
    make_corpus(work / "corpus", list(dict.fromkeys(subject.make for subject in subjects)))
    warm()
    odd = {name: change for name, change in surroundings(seed).items() if kind in {"", name}}
    pairs = [(subject, name) for name in odd for subject in subjects]

    def cases() -> Iterator[tuple[Case, Path]]:
        for number, (subject, name) in list(enumerate(pairs))[chosen]:
            folder = work / f"case_{number}"
            lay_out(subject, work / "corpus", folder)
            case = case_of(number, subject)
            before = partial(odd[name], folder)
            yield replace(case, mutation=name, before=before, changes=name in DURING), folder

    return run_cases(cases(), jobs)


def main() -> None:
    """Run the cases and print those that broke a promise; exit 1 if there are any."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="name of a command")
    parser.add_argument("--kind", default="", help="name of an oddity")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--offset", type=int, default=0, help="the first case, with --every")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    chosen = slice(given.offset, None, given.every)
    run_and_exit(
        lambda work: odd_runs(
            work, seed=given.seed, jobs=given.jobs, only=given.only, kind=given.kind, chosen=chosen
        ),
        given.keep,
    )


if __name__ == "__main__":
    main()
