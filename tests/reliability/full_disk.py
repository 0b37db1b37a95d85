"""Let every write of a command fail as on a full disk, from a write on that is chosen by chance.

    python -m tests.reliability.full_disk --points 5 --seed 1 [--only flood]

A library that is loaded before that of C counts the writes below the folder of outputs, or of temporary
files, or in the home, and fails them from the nth on. The promises are those of the campaign, and the exit
code is 6. Needs Linux and a C compiler.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.reliability.campaign import SOME_FAILED, Case, case_of, lay_out, make_corpus, run_cases, warm
from tests.reliability.subjects import SUBJECTS, Subject
from tests.reliability.writing import BEFORE, WRITING

FULL = 6
"""Exit code of an output that cannot be written."""

SOURCE = Path(__file__).with_suffix(".c")

NAMES = (
    "flood", "change", "segment", "plume", "cube", "sites", "vectorize", "sample",
    "area-csv", "maps", "fit", "batch",
)  # fmt: skip
"""Commands that write: one of each task; `WRITING` has further ones."""

KEEPS = ("train", "bench-run")
"""Commands whose outputs grow during the run, so that `--resume` continues it."""

OUTPUTS = {"vectorize": ("fgb", "geojson", "parquet", "pmtiles")}
"""Further formats."""

FURTHER = {"flood": "--report out/report.html --scores out/scores.tif --style out/map.qml"}
"""Further outputs."""


def compiled(folder: Path) -> Path | None:
    """Return the library; None where it cannot be made."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not sys.platform.startswith("linux") or compiler is None:
        return None
    library = folder / "full_disk.so"
    command = [compiler, "-shared", "-fPIC", "-w", "-o", str(library), str(SOURCE), "-ldl"]
    return library if subprocess.run(command, check=False).returncode == 0 else None


def writing() -> Iterator[Subject]:
    """Yield the commands."""
    for subject in SUBJECTS:
        if subject.name in NAMES:
            yield replace(subject, command=(*subject.command, *shlex.split(FURTHER.get(subject.name, ""))))
            for suffix in OUTPUTS.get(subject.name, ()):
                at = subject.command.index("-o") + 1
                command = (*subject.command[:at], f"out/map.{suffix}", *subject.command[at + 1 :])
                yield replace(subject, name=f"{subject.name}-{suffix}", command=command)
    yield from WRITING


def full_disks(work: Path, *, points: int, seed: int, only: str = "") -> list[str]:
    """Run commands with full disks in an empty folder; return what broke."""
    chosen = [subject for subject in writing() if not only or subject.name == only]
    make_corpus(work / "corpus", list(dict.fromkeys(subject.make for subject in chosen)))
    warm()
    faults: list[str] = []
    cases = 0
    for subject in chosen:
        for place in ("out", "tmp", "home"):
            log = work / f"{subject.name}_{place}.log"
            whole = _run(work, case_of(cases, subject), subject, place, DISK_LOG=str(log))
            if whole.code:
                faults.append(f"{subject.name}: exit {whole.code} without a full disk: {whole.stderr[-200:]}")
            writes = log.stat().st_size if log.exists() else 0
            rng = random.Random(f"{seed}/{subject.name}/{place}")
            numbers = {1, writes, *(rng.randint(1, writes) for _ in range(points))} if writes else set()
            for number in sorted(numbers):
                cases += 1
                case = replace(case_of(cases, subject), mutation=f"{place}, write {number} of {writes}")
                done = _run(work, case, subject, place, DISK_AT=str(number))
                some_failed = done.code == SOME_FAILED and subject.command[0] == "batch"
                # Python takes another folder for temporary files where it cannot write to the first.
                # Each worker of a batch counts its own writes.
                # Caches in the home are not needed, but bundles are stored there.
                needed = place == ("home" if subject.name == "pull" else "out")
                unreached = not done.code and (not needed or subject.command[0] == "batch")
                accepted = done.code == FULL or some_failed or unreached
                if not accepted:
                    faults.append(f"{subject.name}, {case.mutation}: exit {done.code} {done.stderr[-200:]}")
                faults += [
                    f"{subject.name}, {case.mutation}: {fault}"
                    for fault in done.faults
                    if not (subject.name in KEEPS and fault.startswith("half an output"))
                ]
            print(f"{subject.name}, {place}: {writes} writes, {len(numbers)} full disks", flush=True)
    print(f"{cases} full disks, {len(faults)} faults")
    return faults


def _run(work: Path, case: Case, subject: Subject, place: str, **variables: str) -> Case:
    """Run a command of which writes below a folder are counted, or fail."""
    folder = work / f"case_{case.index}"
    shutil.rmtree(folder, ignore_errors=True)
    if change := BEFORE.get(subject.name):
        case = replace(case, before=partial(change, folder))
    lay_out(subject, work / "corpus", folder)
    variables["DISK_UNDER"] = f"{folder / place}/"
    os.environ.update(variables)
    try:
        return run_cases(iter([(case, folder)]), 1)[0]
    finally:
        for name in variables:
            del os.environ[name]


def main() -> None:
    """Start again with the library; run the cases and print those that broke a promise."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    # Not a TemporaryDirectory, which every forked process would remove when it ends.
    folder = Path(tempfile.mkdtemp(prefix="full-"))
    try:
        if "full_disk.so" not in os.environ.get("LD_PRELOAD", ""):
            library = compiled(folder)
            if library is None:
                raise SystemExit("Linux and a C compiler are needed")
            again = [sys.executable, "-m", "tests.reliability.full_disk", *sys.argv[1:]]
            sys.exit(
                subprocess.run(again, env={**os.environ, "LD_PRELOAD": str(library)}, check=False).returncode
            )
        faults = full_disks(folder, points=given.points, seed=given.seed, only=given.only)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
