"""Run a mapping command and print its run record or plan."""

from __future__ import annotations

from collections.abc import Callable

from geoseg.engine.plan import Plan
from geoseg.run_record import Progress, RunRecord

from .console import open_console, print_json, print_text
from .memory import return_freed_memory
from .options import Reporting
from .show import plan_text, record_text
from .startup import elapsed


def run(work: Callable[[Progress], RunRecord | Plan], reporting: Reporting) -> None:
    """Make a map, or plan it for --dry-run, and print the result.

    Args:
        work: makes the map; its argument reports progress.
        reporting: output options.
    """
    return_freed_memory()
    with open_console(reporting.verbosity, few_notes=True) as console:
        result = work(console.progress)
        if isinstance(result, Plan) and result.seconds is not None:
            # A run starts and opens its inputs as this one has.
            result = result.model_copy(update={"seconds": round(result.seconds + elapsed(), 1)})
    if reporting.as_json:
        print_json(result)
    elif isinstance(result, Plan):
        print_text(plan_text(result))
    else:
        print_text(record_text(result, detail=reporting.verbosity.level > 0))
