"""What the mapping commands share: from options to a printed record or plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from geoseg.engine.plan import Plan
from geoseg.run_record import Progress, RunRecord

from .console import Verbosity, print_json, print_text, telling
from .memory import return_freed_memory
from .options import Asked
from .request import Request, as_yaml, build
from .show import plan_text, record_text


def run(
    kind: type[Request],
    said: Mapping[str, object],
    work: Callable[[Request, Progress, bool], RunRecord | Plan],
    asked: Asked,
    verbosity: Verbosity,
) -> None:
    """Build a request, do it (or only print or plan it), and print what came of it.

    Args:
        kind: of the request.
        said: options by name; None is "not said".
        work: does the request; its last argument asks for a plan only.
        asked: where options come from and what is printed.
        verbosity: how much is told on the way.
    """
    request = build(kind, said, asked.config)
    if asked.print_config:
        print_text(as_yaml(request).rstrip())
        return
    return_freed_memory()
    with telling(verbosity) as console:
        result = work(request, console.progress, asked.dry_run)
    if asked.as_json:
        print_json(result)
    elif isinstance(result, Plan):
        print_text(plan_text(result))
    else:
        print_text(record_text(result, detail=verbosity.level > 0))
