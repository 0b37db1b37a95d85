"""Damage inputs of every kind and count how commands end, by kind of input and exit code.

    python bench/reliability.py [--cases 600] [--seed 1] [--jobs 2] [--kills 20] [--every 3]

Every case is a command on small inputs of which one file is damaged, in a process of its own
(`tests/reliability`). With `--every N`, every Nth hostile input is run too, and counted in a table of its
own. The first table is that of docs/reliability.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

# Each command uses one thread, so that as many commands run at once as there are processors.
os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

from tests.reliability.campaign import SOME_FAILED, Case, campaign  # noqa: E402 - after the path is set
from tests.reliability.hostile import all_cases, hostile  # noqa: E402
from tests.reliability.kills import kill_commands  # noqa: E402

CODES = (0, 2, 3, 4, 5, 6)
"""Exit codes that have a column."""


def table(cases: list[Case], shown: tuple[int, ...] = CODES) -> str:
    """Return a table in Markdown: cases by kind and exit code, and those that broke a promise."""
    heads = [*(f"exit {code}" for code in shown), "other", "broken"]
    lines = [f"| input | cases | {' | '.join(heads)} |", f"|---|{'---|' * (len(heads) + 1)}"]
    kinds = sorted({case.kind for case in cases}, key=str.lower)
    for name, some in [
        *((kind, [case for case in cases if case.kind == kind]) for kind in kinds),
        ("all", cases),
    ]:
        codes = Counter(case.code for case in some)
        other = sum(count for code, count in codes.items() if code not in shown)
        broken = sum(bool(case.faults) for case in some)
        numbers = [len(some), *(codes[code] for code in shown), other, broken]
        lines.append(f"| {name} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


def main() -> None:
    """Run a campaign and kills, and print both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--every", type=int, default=0, help="run every Nth hostile input; 0: none")
    given = parser.parse_args()
    # Not a TemporaryDirectory, which every forked process would remove when it ends.
    folder = Path(tempfile.mkdtemp(prefix="reliability-"))
    try:
        cases = campaign(folder / "cases", count=given.cases, seed=given.seed, jobs=given.jobs)
        chosen = list(enumerate(all_cases()))[:: given.every] if given.every else []
        made = hostile(folder / "hostile", chosen, jobs=given.jobs) if chosen else []
        broken = kill_commands(folder / "kills", count=given.kills, seed=given.seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(table(cases))
    if made:
        print(f"\nhostile:\n\n{table(made, (*CODES, SOME_FAILED))}")
    print(f"\nlongest: {max(case.seconds for case in [*cases, *made]):.1f} s of processor time")
    print(f"{given.kills} kills with SIGKILL: {len(broken)} broken outputs")


if __name__ == "__main__":
    main()
