"""`retort audit`: what models get wrong on a suite of cases, side by side."""

import datetime
import json
from pathlib import Path
from typing import Annotated

import typer

from retort.cli.gates import gates_of, held, refuse_missed, show_gates
from retort.cli.options import Device, Gates, Json, names_suite_columns
from retort.config import ATTACK_ROWS
from retort.data.formats import endings
from retort.errors import ConfigError
from retort.whole_folder import refuse_existing


@names_suite_columns
def audit(
    model: Annotated[
        list[Path],
        typer.Option(
            "--model", metavar="DIR", help="An arm of a run, or any Hugging Face BERT classifier; repeatable."
        ),
    ],
    suite: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"Cases: HateCheck, HatemojiCheck, Jigsaw's sentence templates, or any texts with labels "
            f"({endings()}) [the suite in the package].",
            show_default=False,
        ),
    ] = None,
    swap: Annotated[bool, typer.Option("--swap", help="Exchange identity terms for one another.")] = False,
    attack: Annotated[
        bool, typer.Option("--attack", help="Disguise the words that matter: recall lost, false alarms gained.")
    ] = False,
    attack_data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=f"With --attack: labelled texts to disguise instead of the suite's ({endings()}).",
            show_default=False,
        ),
    ] = None,
    attack_rows: Annotated[
        int, typer.Option(min=2, help="With --attack: texts to disguise at most, half of each verdict.")
    ] = ATTACK_ROWS,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Output folder [runs/audit-TIME].", show_default=False)
    ] = None,
    device: Device = "auto",
    gate: Gates = None,
    as_json: Json = False,
    *,
    columns: dict[str, str],
) -> None:
    """Show whom models harm and what fools them: a folder with audit.json, audit.md and audit.html.

    Example: retort audit --model runs/NAME/teacher --model runs/NAME/odd --swap
    """
    if suite is None and columns:
        name, header = next(iter(columns.items()))
        raise ConfigError(f"--column {name}={header}: --column needs --suite; name the file that has this header")
    if attack_data is not None and not attack:
        raise ConfigError(f"--attack-data {attack_data}: needs --attack; add it")
    target = out or Path("runs") / f"audit-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}"
    refuse_existing(target)
    gates = gates_of(gate)

    from retort.cli.stages import Stages

    with Stages() as stages:
        stages.show("starting", 0, 1)
        from retort.recipes.auditing import audit as run

        wanted = [option for option, given in (("swap", swap), ("attack", attack)) if given]
        result = run(
            model, target, suite=suite, columns=columns, wanted=wanted, device=device, attack_data=attack_data,
            attack_rows=attack_rows, progress=stages.show,
        )  # fmt: skip
    for note in result["suite"]["notes"]:
        typer.echo(f"warning: {note}", err=True)
    for name, facts in result["models"].items():
        if not facts["has_threshold"]:
            typer.echo(f"warning: {name}: no threshold was chosen for it; 0.5 decides", err=True)
    for part, why in result["left_out"].items():
        typer.echo(f"{part}: left out: {why}", err=True)
    from retort.report.audit.result import AUDIT, PAGE

    result = held(gates, target / AUDIT, result)
    if as_json:
        typer.echo(json.dumps(result, allow_nan=False))
        refuse_missed(result, target)
        return
    from retort.cli.tables import print_audit

    print_audit(result, target)
    typer.echo(f"Report: {target / PAGE}, also audit.md and audit.json")
    show_gates(result, as_json)
    refuse_missed(result, target)
