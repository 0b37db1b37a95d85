"""`geoseg models describe`: write a bundle for a network of the user."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from geoseg.errors import OutputError, UsageError

from .command import Command
from .console import open_console, print_json, print_text

if TYPE_CHECKING:
    from geoseg.bundles.describe import Described
    from geoseg.spec import ModelSpec
    from geoseg.spec.describe import DescribeRequest

    from .options import Reporting


def describe() -> Command[DescribeRequest]:
    """Describe a network of your own: write the bundle that --model takes.

    State the bands, the scale and statistics of the values, and the classes; the rest is guessed from the
    graph and one tile that is run, and printed with the reason. If something is missing, the error gives the
    whole command. The guesses and the sources of all facts are in the bundle's README.md.
    """
    from geoseg.spec.describe import DescribeRequest

    return Command(request=DescribeRequest, run=_run)


def _run(request: DescribeRequest, reporting: Reporting) -> None:
    from geoseg.bundles.describe import describe as describe_network
    from geoseg.bundles.describe_card import card_text
    from geoseg.bundles.describe_command import full_command
    from geoseg.bundles.find import write_bundle
    from geoseg.bundles.foreign_weights import check_format
    from geoseg.bundles.stated_facts import Facts

    from .hub import PREFIX, hub_network

    folder = request.output or Path("bundle")
    if request.output is not None:
        _check_folder(folder)
    with open_console(reporting.verbosity) as console, ExitStack() as stack:
        weights, source, further = Path(request.network), request.network, list[Facts]()
        used = request
        if request.network.startswith(PREFIX):
            found = stack.enter_context(hub_network(request.network, console.progress))
            weights, source = found.weights, found.address
            further.append(found.facts)
            used = request.model_copy(update={"sources": (*request.sources, *found.configs)})
        if weights.exists():
            check_format(weights)
        if request.output is not None:
            _check_free(folder, weights, overwrite=request.overwrite)
        described = describe_network(used, weights, folder.resolve().name, further)
        card = card_text(described, source=source, command=full_command(request, {}))
        written = write_bundle(folder, described.spec, architecture=described.architecture, card=card)
    _print(described, written, folder, as_json=reporting.as_json)


def _check_folder(folder: Path) -> None:
    """Check that the name of the folder can be that of a model.

    Raises:
        UsageError: it cannot.
        OutputError: it is among the user's models, and a model of geoseg has it.
    """
    from geoseg.bundles.installed import check_name
    from geoseg.bundles.mlm import NAME

    if not re.match(NAME, folder.resolve().name):
        raise UsageError(
            f"`-o {folder}`: its name becomes that of the model: three or more letters, digits, . _ - or "
            "spaces, a letter first"
        )
    check_name(folder)


def _check_free(folder: Path, weights: Path, *, overwrite: bool) -> None:
    """Check that no bundle is replaced without --overwrite.

    Raises:
        OutputError: a file of the bundle exists.
    """
    from geoseg.bundles.external_data import external_names

    data = external_names(weights) if weights.is_file() else ()
    names = ("model.json", "README.md", weights.name, *data)
    for path in (folder / name for name in names):
        same = path.exists() and weights.exists() and path.samefile(weights)
        if path.exists() and not same and not overwrite:
            raise OutputError(f"{path}: already exists; add `--overwrite` to replace the bundle")


def _print(described: Described, written: ModelSpec, folder: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "bundle": str(folder),
                "model": written.model_dump(mode="json"),
                "guessed": [
                    {"fact": item.fact, "value": item.value, "reason": item.reason}
                    for item in described.guessed
                ],
                "not_used": [*described.not_mapped],
            }
        )
        return
    for entry in described.guessed:
        print_text(f"guessed {entry}")
    for text in described.not_mapped:
        print_text(f"not used: {text}")
    print_text(f"wrote {folder}: model.json, README.md, {written.weights.name}; check the guesses")
    print_text(f"next: geoseg segment SCENE --model {folder} -o MAP.gpkg")
