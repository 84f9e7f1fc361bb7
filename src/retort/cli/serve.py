"""`retort serve`: the pages, the JSON API and the Perspective API of a trained model."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from retort.errors import ConfigError


def serve(
    folder: Annotated[Path, typer.Argument(metavar="RUN_OR_MODEL", help="A run, or the folder of a model.")],
    host: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Address to listen on [127.0.0.1].", show_default=False)
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="N", help="Port to listen on [8000]; 0 for any free one.", show_default=False)
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Model of a run for requests that name none [odd].", show_default=False),
    ] = None,
    arm: Annotated[str | None, typer.Option(help="The former --model.", hidden=True)] = None,
    feedback: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Store suggested scores in this SQLite file.", show_default=False),
    ] = None,
    key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            envvar="RETORT_KEYS",
            help="API key for /v1alpha1; repeatable, or space-separated in RETORT_KEYS.",
            show_default=False,
            show_envvar=False,
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, e.g. queue=64; repeatable."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Log no requests, only warnings.")] = False,
) -> None:
    """Serve trained models: a page for people, an API for programs.

    Example: retort serve runs/NAME --port 8000
    """
    from retort.config import resolve_serving
    from retort.web.app import create_app
    from retort.web.server.models import service_of
    from retort.web.server.process import Server

    if None not in (model, arm) and model != arm:
        raise ConfigError(f"--model {model} and --arm {arm}: two names for one choice; give --model alone")
    given = {"host": host, "port": port, "feedback_file": feedback, "keys": tuple(key) if key else None}
    settings = resolve_serving({name: value for name, value in given.items() if value is not None}, set_ or ())
    _log_to_stderr(logging.WARNING if quiet else logging.INFO)
    service = service_of(folder, settings, model or arm)
    server = Server(create_app(service, settings), service, settings)
    others = len(service.models) - 1
    also = f" and {others} other model{'s' if others > 1 else ''}" if others else ""
    server.run(lambda: typer.echo(f"{server.url} answers with {service.default}{also}; Ctrl-C ends it", err=True))


def _log_to_stderr(level: int) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S"))
    for name in ("retort.access", "retort.web"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
