"""`geoseg demo`: simulate a flood, map it and draw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command import Command

if TYPE_CHECKING:
    from geoseg.spec.tools import DemoRequest

    from .options import Reporting


def demo() -> Command[DemoRequest]:
    """Simulate a flood, map it and draw the map: a test of the installation without any data.

    The scene is synthetic and labelled as such. Nothing is downloaded.
    """
    from geoseg.spec.tools import DemoRequest

    return Command(request=DemoRequest, run=_run)


def _run(request: DemoRequest, reporting: Reporting) -> None:
    from geoseg.demo.flood_demo import run_demo

    from .mapping import run

    run(lambda progress: run_demo(request.folder, progress, overwrite=request.overwrite), reporting)
