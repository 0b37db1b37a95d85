"""`geoseg evaluate methane --inject`: simulated plumes of known rate in real pixels, searched and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args

import typer

from geoseg.errors import OutputError, UsageError

from .console import Console
from .report import finish

if TYPE_CHECKING:
    from geoseg.learn.evaluate.methane.trial import ScenePair, Trial
    from geoseg.methods.plume_model import Stability

INJECT = "Simulated plumes: evaluate methane --inject (docs/methane-evaluation.md)"
TARGET = "methane"

Inject = Annotated[
    bool,
    typer.Option(
        "--inject",
        metavar=" ",
        help="Put simulated plumes into scenes and count what the search finds of them. The scenes: --data "
        "FOLDER with NAME/before (the reference) and NAME/after, or --scene and --reference, or --ground.",
        rich_help_panel=INJECT,
    ),
]
Ground = Annotated[
    list[float] | None,
    typer.Option(
        "--ground",
        metavar="NOISE",
        help="Even, bright, simulated ground too, with this noise of the ratio of both bands: 0.01 is 1 %. "
        "Repeatable.",
        rich_help_panel=INJECT,
    ),
]
Rates = Annotated[
    str | None,
    typer.Option(metavar="T/H,...", help="Rates.  (default: 2,5,10,20)", rich_help_panel=INJECT),
]
Winds = Annotated[
    str | None,
    typer.Option(
        metavar="M/S,...", help="Winds, which the search knows.  (default: 3)", rich_help_panel=INJECT
    ),
]
Methods = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,...",
        help="Methods for two bands.  (default: mbmp,mbsp; without reference mbsp)",
        rich_help_panel=INJECT,
    ),
]
Places = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Sources in each scene, drawn on clear land.  (default: 4)",
        rich_help_panel=INJECT,
    ),
]
PlacesSeed = Annotated[
    int | None,
    typer.Option(
        "--places-seed",
        metavar="S",
        min=0,
        help="The same seed draws the same places and directions.  (default: 0)",
        rich_help_panel=INJECT,
    ),
]
From = Annotated[
    float | None,
    typer.Option(
        "--from",
        metavar="DEG",
        min=0,
        max=360,
        help="Direction that all winds come from.  (default: drawn for each place)",
        rich_help_panel=INJECT,
    ),
]
StabilityClass = Annotated[
    str | None,
    typer.Option(
        "--stability",
        metavar="A|B|C|D|E|F",
        help="Pasquill's class of the air, A the most mixed.  (default: of a clear morning, by the wind)",
        rich_help_panel=INJECT,
    ),
]
Age = Annotated[
    float | None,
    typer.Option(
        metavar="MINUTES", help="How long sources have been on.  (default: 30)", rich_help_panel=INJECT
    ),
]
Extend = Annotated[
    bool | None,
    typer.Option(
        "--extend",
        metavar=" ",
        help="Let absorption go on beyond the end of its table: an upper bound of what is found of large "
        "plumes. Else it stays at the end: a lower bound.",
        rich_help_panel=INJECT,
    ),
]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked of simulated plumes."""

    inject: bool
    data: Path | None
    scene: list[str] | None
    reference: list[str] | None
    ground: list[float] | None
    rates: str | None
    winds: str | None
    methods: str | None
    places: int | None
    places_seed: int | None
    wind_from: float | None
    stability: str | None
    age: float | None
    extend: bool | None
    satellite: str | None
    coregister: bool | None
    sun_zenith: float | None
    view_zenith: float | None
    output: Path | None
    overwrite: bool
    as_json: bool

    def check(self, target: str, others: Sequence[str]) -> None:
        """Refuse options that do not go together.

        Args:
            target: the command's one argument.
            others: options given that are for labelled sets or finished maps.

        Raises:
            UsageError: they do not.
            OutputError: the folder exists.
        """
        if not self.inject:
            own = {name: value for name, value in vars(self).items() if name not in SHARED}
            if lost := next((name for name, value in own.items() if value is not None), None):
                option = "--from" if lost == "wind_from" else "--" + lost.replace("_", "-")
                raise UsageError(f"{option} is for simulated plumes: say geoseg evaluate methane --inject")
            if target == TARGET:
                raise UsageError("geoseg evaluate methane goes by simulated plumes: say --inject too")
            return
        if target != TARGET:
            raise UsageError(f"--inject is for methane: geoseg evaluate methane --inject, not {target}")
        if others:
            raise UsageError(f"{others[0]} is not for --inject")
        if self.scene and self.data:
            raise UsageError("--data FOLDER holds pairs, --scene is one: say one of them")
        if self.reference and not self.scene:
            raise UsageError("--reference belongs to --scene SCENE")
        if self.output is not None and self.output.exists() and not self.overwrite:
            raise OutputError(f"{self.output}: exists; say --overwrite to replace it")

    def pairs(self) -> tuple[ScenePair, ...]:
        """Return the scenes with their references.

        Raises:
            SceneError: the folder holds none.
        """
        from geoseg.learn.evaluate.methane.trial import ScenePair, pairs_in
        from geoseg.spec import SceneSpec

        if self.data is not None:
            return pairs_in(self.data)
        if not self.scene:
            return ()
        scene = SceneSpec(paths=tuple(self.scene))
        references = tuple(SceneSpec(paths=(path,)) for path in self.reference or ())
        return (ScenePair(name=Path(self.scene[0]).name, scene=scene, reference=references),)

    def trial(self) -> Trial:
        """Return what is tried.

        Raises:
            UsageError: a value is not understood.
        """
        from geoseg.learn.evaluate.methane.trial import Trial
        from geoseg.methods.plume_model import Stability

        usual = Trial()
        methods = usual.methods if self.methods is None else tuple(self.methods.lower().split(","))
        stability = None if self.stability is None else self.stability.upper()
        if stability is not None and stability not in get_args(Stability):
            raise UsageError(f"--stability {stability}: there are {', '.join(get_args(Stability))}")
        return Trial(
            rates_t_h=numbers("--rates", self.rates) or usual.rates_t_h,
            winds_m_s=numbers("--winds", self.winds) or usual.winds_m_s,
            methods=methods,
            satellite=self.satellite or ("sentinel-2a" if not (self.data or self.scene) else None),
            coregister=bool(self.coregister),
            sun_zenith=self.sun_zenith,
            view_zenith=self.view_zenith,
            places=self.places or usual.places,
            seed=self.places_seed or 0,
            wind_from=self.wind_from,
            stability=cast("Stability | None", stability),
            age_s=usual.age_s if self.age is None else self.age * 60,
            extend=bool(self.extend),
        )


SHARED = {"inject", "data", "output", "overwrite", "as_json"}
"""Fields of options that other evaluations have too."""


def numbers(option: str, text: str | None) -> tuple[float, ...]:
    """Read `A,B,...`; nothing said is nothing.

    Raises:
        UsageError: a part is no number.
    """
    try:
        return () if text is None else tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        raise UsageError(f"{option} {text}: write numbers with commas between them") from None


def run(request: Request, console: Console) -> None:
    """Put plumes in, search them, and tell."""
    from geoseg.learn.evaluate.methane.evaluation import evaluate
    from geoseg.learn.evaluate.methane.trial_report import report_of

    found = evaluate(request.pairs(), request.ground or (), request.trial(), console.progress)
    finish(report_of(found), request.output, console, as_json=request.as_json)
