"""Run commands on damaged inputs, one forked process a case, and say which promises they broke.

    python -m tests.reliability.campaign --cases 600 --seed 1 --json report.json

The promises: a documented exit code, never that of an internal error and never a signal; an end within a
minute; two lines of error at most, and none of GDAL's own; no file outside `out/`; no file in it unless the
command succeeded; the inputs as they were.
"""

from __future__ import annotations

import argparse
import atexit
import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from geoseg.cli import main as geoseg_main

from tests.reliability.mutations import mutate
from tests.reliability.odd_arguments import mutate_argument, rename_argument
from tests.reliability.subjects import SUBJECTS, Subject, write_corpus

DOCUMENTED = frozenset({0, 2, 3, 4, 5, 6})
"""Exit codes of commands that end by themselves (README, "Exit codes")."""

SOME_FAILED = 7
"""Exit code of `batch` if some scenes failed; the maps of the others and the summary are complete."""

PATIENCE_S = 60.0
"""Seconds of processor time after which a command counts as hanging, whatever else the machine does."""

DEADLOCK_S = 240.0
"""Seconds after which a command is ended."""

ARGUMENTS = 0.1
"""Share of cases in which an argument is replaced, not a file damaged."""

NAMES = 0.05
"""Share of cases in which an input gets an odd name."""

ADDRESS_SPACE = 12 * 2**30
"""Bytes that a command may map, so that a declared size cannot take the memory of the machine."""

_NOISE = re.compile(
    r"^(ERROR|Warning) \d+:|^Traceback|HDF5-DIAG|^\s+#\d{3}:|\[ERROR\]|\[E:onnxruntime", re.MULTILINE
)


@dataclass(kw_only=True)
class Case:
    """A command that was run on a damaged input."""

    index: int
    subject: str
    kind: str
    file: str
    mutation: str
    command: tuple[str, ...]
    code: int = 0
    """Exit code; negative: the number of the signal that ended it."""
    seconds: float = 0.0
    """Processor time."""
    stderr: str = ""
    faults: list[str] = field(default_factory=list)
    before: Callable[[], None] | None = None
    """Is called in the process of the command before it."""
    changes: bool = False
    """Whether files are changed from outside during the run: inputs are not compared, and outputs may go."""

    def __str__(self) -> str:
        """One case for a person: what was done, what is wrong, the last words."""
        last = self.stderr.strip().splitlines()[-1:] or [""]
        return (
            f"case {self.index} ({self.subject}, {self.file}: {self.mutation}): {'; '.join(self.faults)}\n"
            f"    geoseg {' '.join(self.command)[:150]}\n    {last[0][:300]}"
        )


WARM = (
    "geoseg.tasks.change.change_map", "geoseg.cli.app", "geoseg.tasks.flood.flood_map",
    "geoseg.learn.evaluate", "geoseg.tasks.methane.facility_map", "geoseg.tasks.methane.plume_map",
    "geoseg.outputs", "onnxruntime", "pandas", "geoseg.tasks.segment.segmentation_map",
    "geoseg.tasks.segment.vectorize_raster",
)  # fmt: skip


def warm() -> None:
    """Import what commands import, so that a forked process starts with it."""
    for name in WARM:
        import_module(name)


def _in_child(folder: Path, command: Sequence[str], before: Callable[[], None] | None) -> None:
    """Run geoseg in the folder of a case, with streams into files; does not return."""
    os.chdir(folder)
    (folder / "tmp").mkdir()
    os.environ.update(
        TMPDIR=str(folder / "tmp"), HOME=str(folder / "home"), GEOSEG_MODELS=str(folder / "home")
    )
    tempfile.tempdir = None
    for number, name in ((1, "stdout"), (2, "stderr")):
        file = os.open(f"{name}.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, number)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.argv = ["geoseg", *command]
    if before is not None:
        before()
    geoseg_main()


def start(folder: Path, command: Sequence[str], before: Callable[[], None] | None = None) -> int:
    """Fork a process for a command and return its number."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _in_child(folder, command, before)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        os._exit(code)


def _digest(folder: Path) -> dict[str, str]:
    """Return what every file of a folder holds, by its path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"link to {os.readlink(path)}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if os.access(path, os.R_OK) else ""
        else:
            found[name] = "folder"
    return found


def _judge(case: Case, folder: Path, before: dict[str, str]) -> None:
    """Note which promises a finished case broke."""
    case.stderr = (folder / "stderr.txt").read_text(errors="replace")
    is_batch = case.command[:1] == ("batch",)
    if case.code < 0:
        case.faults.append(f"signal {signal.Signals(-case.code).name}")
    elif case.code not in DOCUMENTED and not (is_batch and case.code == SOME_FAILED):
        case.faults.append(f"exit {case.code}")
    if case.seconds > PATIENCE_S:
        case.faults.append(f"{case.seconds:.0f} s of processor time")
    told = [line for line in case.stderr.splitlines() if not line.startswith(("note: ", "warning: "))]
    told = [line for line in told if not re.match(r"\d+ of \d+ ", line)]
    if len(told) > 2:
        case.faults.append(f"{len(told)} lines on stderr")
    if noise := _NOISE.search(case.stderr):
        case.faults.append(f"noise on stderr: {noise[0]}")
    if not case.changes and _digest(folder / "in") != before:
        case.faults.append("inputs changed")
    around = {path.name for path in folder.iterdir()} - {
        "in",
        "out",
        "tmp",
        "home",
        "stdout.txt",
        "stderr.txt",
    }
    left = sorted(str(path.relative_to(folder)) for path in (folder / "tmp").rglob("*")) + sorted(around)
    if left:
        case.faults.append(f"left behind: {', '.join(left[:3])}")
    made = [path for path in (folder / "out").rglob("*") if path.name != "keep"]
    if case.changes:
        made = [path for path in made if path.is_file()]
    if case.code and made and not is_batch:
        case.faults.append(f"half an output: {made[0].name}")
    case.faults += _strays(case, made, [*(folder / "home").rglob("*")])


def _strays(case: Case, made: list[Path], home: list[Path]) -> Iterator[str]:
    """Yield what should not be among the outputs or in the home."""
    for name, found in (("the folder of outputs", made), ("the home", home)):
        if any(".partial" in path.name or path.name.startswith(".geoseg") for path in found):
            yield f"scratch files in {name}"
    if case.code and case.command[:2] == ("models", "pull"):
        # It writes a folder beside the one that it is given.
        given = Path(case.command[2]).name
        if left := [path.name for path in home if given not in path.parts]:
            yield f"half an output: {left[0]}"


def _prepare(index: int, seed: int, corpus: Path, work: Path) -> tuple[Case, Path]:
    """Copy the inputs of a case and damage one of them."""
    rng = random.Random(f"{seed}/{index}")
    order = list(range(len(SUBJECTS)))
    random.Random(f"{seed}/order/{index // len(SUBJECTS)}").shuffle(order)
    subject = SUBJECTS[order[index % len(SUBJECTS)]]
    folder = work / f"case_{index}"
    lay_out(subject, corpus, folder)
    file = rng.choice(sorted(path for path in (folder / "in").glob(subject.target) if path.is_file()))
    command = subject.command
    if (drawn := rng.random()) < ARGUMENTS:
        mutation, command = mutate_argument(command, rng)
    elif drawn < ARGUMENTS + NAMES:
        mutation, command = rename_argument(folder, command, rng)
    else:
        mutation = mutate(file, rng)
    name = str(file.relative_to(folder / "in"))
    return replace(case_of(index, subject), file=name, mutation=mutation, command=command), folder


def case_of(index: int, subject: Subject) -> Case:
    """Return a case of nothing damaged."""
    return Case(
        index=index,
        subject=subject.name,
        kind=subject.kind,
        file="",
        mutation="none",
        command=subject.command,
    )


def lay_out(subject: Subject, corpus: Path, folder: Path) -> None:
    """Make the folder of a case: inputs, an empty place for outputs, a home."""
    shutil.copytree(corpus / subject.folder, folder / "in")
    (folder / "out").mkdir()
    (folder / "home").mkdir()


def run_cases(cases: Iterator[tuple[Case, Path]], jobs: int) -> list[Case]:
    """Run cases, several at once, and judge them."""
    running: dict[int, tuple[Case, Path, float, dict[str, str]]] = {}
    done: list[Case] = []
    waiting = True
    while waiting or running:
        while waiting and len(running) < jobs:
            found = next(cases, None)
            if found is None:
                waiting = False
                break
            case, folder = found
            before = _digest(folder / "in")
            running[start(folder, case.command, case.before)] = (case, folder, time.monotonic(), before)
        for pid, (case, folder, began, before) in list(running.items()):
            ended, status, used = os.wait4(pid, os.WNOHANG)
            if not ended and time.monotonic() - began <= DEADLOCK_S:
                continue
            if not ended:
                os.kill(pid, signal.SIGKILL)
                _, _, used = os.wait4(pid, 0)
                case.faults.append("does not end")
            else:
                case.code = os.waitstatus_to_exitcode(status)
            case.seconds = used.ru_utime + used.ru_stime
            del running[pid]
            _judge(case, folder, before)
            done.append(case)
            if case.faults:
                print(case, flush=True)
            else:
                shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.01)
    return sorted(done, key=lambda case: case.index)


def in_child(task: Callable[[], object]) -> None:
    """Write inputs in a process of its own, whose threads, files and libraries the cases do not get."""
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            task()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("an input cannot be written")


def make_corpus(folder: Path, makes: Collection[Callable[[Path], None]] = ()) -> None:
    """Write the corpus, or some of its folders."""
    in_child(lambda: write_corpus(folder, makes))


def campaign(
    work: Path, *, count: int, seed: int, jobs: int, only: Sequence[int] = (), whole: bool = False
) -> list[Case]:
    """Run a campaign in an empty folder; `whole`: every subject once, undamaged."""
    corpus = work / "corpus"
    work.mkdir(parents=True, exist_ok=True)
    make_corpus(corpus)
    warm()

    def undamaged() -> Iterator[tuple[Case, Path]]:
        for index, subject in enumerate(SUBJECTS):
            folder = work / f"case_{index}"
            lay_out(subject, corpus, folder)
            yield (
                Case(
                    index=index,
                    subject=subject.name,
                    kind=subject.kind,
                    file="",
                    mutation="none",
                    command=subject.command,
                ),
                folder,
            )

    numbers = only or range(count)
    return run_cases(
        undamaged() if whole else (_prepare(index, seed, corpus, work) for index in numbers), jobs
    )


def run_and_exit(run: Callable[[Path], list[Case]], keep: Path | None) -> NoReturn:
    """Run cases, print how many broke a promise, and exit with 1 if there are any.

    Args:
        run: runs them in a folder, and prints those that broke one.
        keep: the folder, which stays; None: a temporary one.
    """
    # Not a TemporaryDirectory, which every forked process would remove when it ends.
    work = keep or Path(tempfile.mkdtemp(prefix="reliability-"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        cases = run(work)
    finally:
        if not keep:
            shutil.rmtree(work, ignore_errors=True)
    broken = sum(bool(case.faults) for case in cases)
    print(f"{len(cases)} cases, {broken} broke a promise")
    sys.exit(1 if broken else 0)


def main() -> None:
    """Run a campaign and print the cases that broke a promise; exit 1 if there are any."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int, nargs="*", default=[], help="numbers of the cases to run")
    parser.add_argument("--whole", action="store_true", help="run every command once on undamaged inputs")
    parser.add_argument("--json", type=Path, help="write all cases to this file")
    parser.add_argument("--keep", type=Path, help="folder for the files of cases; default: a temporary one")
    given = parser.parse_args()

    def run(work: Path) -> list[Case]:
        cases = campaign(
            work, count=given.cases, seed=given.seed, jobs=given.jobs, only=given.only, whole=given.whole
        )
        if given.json:
            given.json.write_text(json.dumps([asdict(case) for case in cases], indent=1))
        return cases

    run_and_exit(run, given.keep)


if __name__ == "__main__":
    main()
