"""Kill commands with SIGKILL at random moments: the outputs are then the old files or complete new ones.

python -m tests.reliability.kills --count 20 --seed 1
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pyogrio
import pyogrio.raw
import rasterio

from tests.reliability.campaign import lay_out, make_corpus, start, warm
from tests.reliability.subjects import SUBJECTS, Subject

OVER = tuple(subject for subject in SUBJECTS if subject.name in {"flood", "vectorize", "segment", "plume"})
"""Commands that are killed: one of each kind of writing."""

FURTHER = ("--overwrite",)


def _complete(path: Path) -> bool:
    """Return whether a reader opens a file and reads all of it."""
    try:
        if path.suffix in {".tif", ".png"}:
            with rasterio.open(path) as file:
                file.read()
        else:
            for layer, _ in pyogrio.list_layers(path):
                pyogrio.raw.read(path, layer=layer)
    except Exception:  # whatever a reader says: the file is not complete
        return False
    return True


def _run(folder: Path, subject: Subject, after_s: float | None) -> float:
    """Run a command in its folder, killed after some seconds unless it ended before; return the seconds."""
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    began = time.monotonic()
    pid = start(folder, (*subject.command, *FURTHER))
    if after_s is not None:
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return time.monotonic() - began


def kill_commands(work: Path, *, count: int, seed: int) -> list[str]:
    """Kill commands over the outputs of an earlier run; return what was found to be broken."""
    work.mkdir(parents=True, exist_ok=True)
    corpus = work / "corpus"
    make_corpus(corpus, {subject.make for subject in OVER})
    warm()
    faults = []
    lasts: dict[str, float] = {}
    for index in range(count):
        rng = random.Random(f"{seed}/{index}")
        subject = OVER[index % len(OVER)]
        folder = work / subject.name
        if subject.name not in lasts:
            lay_out(subject, corpus, folder)
            lasts[subject.name] = _run(folder, subject, None)
        old = {path.name: path.read_bytes() for path in (folder / "out").iterdir() if path.is_file()}
        if not old:
            faults.append(f"{subject.name}: no output of a run that was not killed")
            continue
        moment = rng.uniform(0, lasts[subject.name])
        _run(folder, subject, moment)
        for name, content in old.items():
            path = folder / "out" / name
            if not path.is_file():
                faults.append(f"kill {index}, {subject.name} after {moment:.2f} s: {name} is gone")
            elif path.read_bytes() != content and not _complete(path):
                faults.append(f"kill {index}, {subject.name} after {moment:.2f} s: {name} is not complete")
        new = {path.name for path in (folder / "out").iterdir() if not path.name.startswith(".")} - set(old)
        if new:
            faults.append(
                f"kill {index}, {subject.name} after {moment:.2f} s: {', '.join(sorted(new))} is new"
            )
    return faults


def main() -> None:
    """Kill commands and print what broke; exit 1 if anything did."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    # Not a TemporaryDirectory, which every forked process would remove when it ends.
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        faults = kill_commands(folder, count=given.count, seed=given.seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join([*faults, f"{given.count} kills, {len(faults)} broken outputs"]))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
