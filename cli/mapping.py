"""What the mapping commands share: from a request to a printed record or plan."""

from __future__ import annotations

from collections.abc import Callable

from geoseg.engine.plan import Plan
from geoseg.run_record import Progress, RunRecord

from .console import print_json, print_text, telling
from .memory import return_freed_memory
from .options import Reporting
from .show import plan_text, record_text


def run(work: Callable[[Progress], RunRecord | Plan], reporting: Reporting) -> None:
    """Make a map, or only plan it, and print what came of it.

    Args:
        work: makes the map.
        reporting: what is printed, and how much is told on the way.
    """
    return_freed_memory()
    with telling(reporting.verbosity) as console:
        result = work(console.progress)
    if reporting.as_json:
        print_json(result)
    elif isinstance(result, Plan):
        print_text(plan_text(result))
    else:
        print_text(record_text(result, detail=reporting.verbosity.level > 0))
