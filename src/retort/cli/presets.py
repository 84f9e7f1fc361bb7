"""`retort presets`: the experiments in the package."""

import json
from typing import Annotated

import typer

from retort.cli.options import Json
from retort.recipes.experiment import PRESETS, preset_text, resolve


def presets(
    name: Annotated[str | None, typer.Argument(help="Show this one as its TOML file.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """List the presets, or show one with every setting.

    Example: retort presets seed
    """
    if name is not None:
        settings = resolve(name)
        typer.echo(json.dumps(settings.model_dump(mode="json"), indent=2) if as_json else preset_text(name).rstrip())
        return
    if as_json:
        typer.echo(json.dumps({name: resolve(name).model_dump(mode="json") for name in PRESETS}, indent=2))
        return
    width = max(map(len, PRESETS))
    for preset in PRESETS:
        comment = [line.removeprefix("# ") for line in preset_text(preset).splitlines() if line.startswith("# ")]
        typer.echo(f"{preset:<{width}}  {comment[0]}")
    typer.echo("\nretort presets NAME shows one; retort compare --preset NAME runs it.")
