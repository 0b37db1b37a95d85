"""Commands generated from request models: each field of the request is an option of the command.

A function declares a command: its docstring is the help text, its return value holds the request model and
the function that runs the request. The request model is imported when the options of the command are needed,
so that `geoseg --help` imports none.
"""

from __future__ import annotations

import inspect
import keyword
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar, get_args, get_origin

import typer
from typer.core import TyperGroup

from geoseg.files.network import go_offline

from . import options
from .console import print_text
from .help_text import PlainCommand, PlainGroup, write_short_help

if TYPE_CHECKING:
    from pydantic import BaseModel

    from geoseg.spec.request import Place

AnyRequest = TypeVar("AnyRequest", bound="BaseModel")

NATIVE = {bool, int, float, str, Path}
"""Types that typer parses; the validators of the request parse all others from text."""

REPORTING: Mapping[str, tuple[object, object]] = {
    "config": (options.Config, None),
    "print_config": (options.PrintConfig, False),
    "dry_run": (options.DryRun, False),
    "help_all": (options.HelpAll, False),
    "as_json": (options.Json, False),
    "quiet": (options.Quiet, False),
    "verbose": (options.Verbose, 0),
    "offline": (options.Offline, False),
}
"""Options for configuration files, output and the network: annotation and default."""

PLAIN = ("as_json", "quiet", "verbose")
EVERY = ("offline",)
"""Keys of `REPORTING` that all commands have."""
MAP = tuple(REPORTING)
MANY = ("help_all", *PLAIN)
"""Of a command that is no map of a scene, and has more options than a screen."""


@dataclass(frozen=True, kw_only=True)
class Command(Generic[AnyRequest]):
    """A request model and the function that runs its requests."""

    request: type[AnyRequest]
    run: Callable[[AnyRequest, options.Reporting], None]
    reporting: tuple[str, ...] = PLAIN
    """Keys of `REPORTING` that the command has."""
    each: Mapping[str, Place] = field(default_factory=dict)
    """Options by name that belong to each of several items: the field `options` of the request gets them."""


def map_command(request: type[AnyRequest], make: str) -> Command[AnyRequest]:
    """Return a command that makes a map.

    Args:
        request: the request model.
        make: `module:function` in `geoseg.tasks`, imported when the command runs. The function takes the
            request, the progress and `dry_run`, and returns the record or the plan.
    """

    def run(wanted: AnyRequest, reporting: options.Reporting) -> None:
        from . import mapping

        module, name = make.split(":")
        function = getattr(import_module(f"geoseg.tasks.{module}"), name)
        mapping.run(lambda progress: function(wanted, progress, dry_run=reporting.dry_run), reporting)

    return Command(request=request, run=run, reporting=MAP)


def add(app: typer.Typer, name: str, declare: Callable[[], Command[Any]]) -> None:
    """Add a command to a group.

    Args:
        app: the group.
        name: name of the command.
        declare: returns the command; its docstring is the help text. Called when the options are needed.
    """

    class Declared(PlainCommand):
        def get_params(self, ctx: Any) -> Any:
            built = _build(declare)
            self.params, self.callback = built.params, built.callback
            params = super().get_params(ctx)
            vars(params[-1])["rich_help_panel"] = options.REPORTING  # --help
            return params

        def format_help(self, ctx: Any, formatter: Any) -> None:
            params = self.get_params(ctx)
            if ctx.meta.get(options.ALL) or not any("--help-all" in param.opts for param in params):
                super().format_help(ctx, formatter)
                return
            write_short_help(self, params, ctx, formatter)

    paragraphs = inspect.cleandoc(declare.__doc__ or "").split("\n\n")
    app.command(name, cls=Declared, help="\n\n".join(" ".join(text.split()) for text in paragraphs))(
        _placeholder
    )


def group(text: str, cls: type[TyperGroup] = PlainGroup) -> typer.Typer:
    """Make a group of commands that prints its help if no command is given.

    Args:
        text: help text.
        cls: class that resolves command names.
    """
    app = typer.Typer(cls=cls)

    @app.callback(invoke_without_command=True, help=text)
    def explain(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    return app


def _placeholder() -> None:
    """Do nothing: the callback of a command whose options are not built yet."""


@cache
def _build(declare: Callable[[], Command[Any]]) -> Any:
    """Return the command of typer for a function with one parameter per option."""
    from geoseg.spec.option import PANELS
    from geoseg.spec.request import places

    command = declare()
    kind: type[BaseModel] = command.request
    offered = [place for place in places(kind).values() if place.offered]
    offered += [place for name, place in command.each.items() if name not in {own.name for own in offered}]
    offered.sort(key=lambda place: (PANELS.index(place.option.group), not place.option.short))
    names = {_identifier(place.name): place.name for place in offered}

    def run(context: typer.Context, **values: Any) -> None:
        options = {name: values[key] for key, name in names.items() if values[key] not in (None, [], ())}
        plain = {name: value.value if isinstance(value, Enum) else value for name, value in options.items()}
        _run(command, context, plain, values)

    keyword_only = inspect.Parameter.KEYWORD_ONLY
    context = inspect.Parameter("context", keyword_only, annotation=typer.Context)
    request = [
        inspect.Parameter(_identifier(place.name), keyword_only, default=None, annotation=_annotation(place))
        for place in offered
    ]
    shared = [
        inspect.Parameter(name, keyword_only, default=default, annotation=annotation)
        for name, (annotation, default) in REPORTING.items()
        if name in (*command.reporting, *EVERY)
    ]
    vars(run).update(__signature__=inspect.Signature([context, *request, *shared]), __annotations__={})
    app = typer.Typer(add_completion=False)
    app.command()(run)
    return typer.main.get_command(app)


def _run(
    command: Command[Any], context: typer.Context, given: Mapping[str, object], values: Mapping[str, Any]
) -> None:
    """Build the request from the given options; print it for --print-config, else run it."""
    from .request import as_yaml, build, build_with_each

    if values.get("offline"):
        go_offline()
    verbosity = options.verbosity(context, values.get("quiet", False), values.get("verbose", 0))
    if command.each:
        request = build_with_each(command.request, command.each, given, values.get("config"))
    else:
        request = build(command.request, given, values.get("config"))
    if values.get("print_config"):
        print_text(as_yaml(request, getattr(request, "options", {}) if command.each else {}).rstrip())
        return
    reporting = options.Reporting(
        verbosity=verbosity, as_json=values.get("as_json", False), dry_run=values.get("dry_run", False)
    )
    from geoseg.spec.missing_files import naming_missing_files

    with naming_missing_files(request, lambda place: "" if place.option.argument else f"`--{place.name}`"):
        command.run(request, reporting)


def _annotation(place: Place) -> Any:
    """Return the annotation of an option for typer: its type and its appearance in `--help`."""
    from .completion import SUGGESTIONS, completer

    option, (kind, choices) = place.option, _type(place)
    metavar = option.metavar or ("|".join(choices) if choices else " " if kind is bool else None)
    text = _escaped(option.help)
    if option.suggest and option.suggest.endswith("-methods"):
        text += f" Names: {', '.join(SUGGESTIONS[option.suggest]())}."
    if default := option.default or _default(place):
        text += f"  (default: {_escaped(default)})"
    complete = completer(option.suggest) if option.suggest else None
    if option.argument:
        # click adds dots to an argument of several values.
        metavar = metavar.removesuffix("...") if metavar else None
        info = typer.Argument(metavar=metavar, help=text, show_default=False, autocompletion=complete)
    else:
        # A flag whose default is neither yes nor no can be set to both.
        both = kind is bool and place.field.default is None
        name = f"--{place.name}/--no-{place.name}" if both else f"--{place.name}"
        flags = (name, *([option.short] if option.short else []))
        info = typer.Option(
            *flags,
            metavar=metavar,
            help=text,
            show_default=False,
            rich_help_panel=option.group,
            autocompletion=complete,
        )
    return Annotated[kind | None, info]


def _type(place: Place) -> tuple[Any, tuple[str, ...]]:
    """Return the type of an option for typer, and its fixed choices."""
    from pydantic import BeforeValidator

    from geoseg.spec.request import bare_type

    kind = bare_type(place.field.annotation)
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return Enum("Choice", {name: name for name in (*choices, *place.option.choices)}, type=str), choices
    is_text = any(isinstance(item, BeforeValidator) for item in place.field.metadata)
    if get_origin(kind) is dict or place.repeated:
        return list[str], ()
    return (kind if kind in NATIVE and not is_text else str), ()


def _default(place: Place) -> str:
    """Return the default of a field as text for `--help`; empty: none is shown."""
    value = place.field.default
    if isinstance(value, tuple):
        return ",".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value)
    if isinstance(value, bool) or not isinstance(value, str | int | float | Path):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _identifier(name: str) -> str:
    """Return the parameter name of an option."""
    name = name.replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) or name in REPORTING else name


def _escaped(text: str) -> str:
    """Escape brackets that rich would interpret as markup."""
    return re.sub(r"\[(?=[a-z#/@])", r"\\[", text)
