"""`retort predict`: verdicts for texts."""

import json
import sys
from typing import Annotated

import typer

from retort.cli.options import Device, Json, Model, Review
from retort.errors import ConfigError, DataError


def predict(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="Comments; without any, lines of stdin.")
    ] = None,
    *,
    model: Model,
    review: Review = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Give each comment a verdict: positive or negative, in the words of the model's task.

    Example: retort predict --model runs/NAME/odd "What a lovely day"
    """
    if not texts and sys.stdin.isatty():
        raise ConfigError("predict: no text; give TEXT arguments, or comments line by line on stdin")
    comments = texts or _lines_of_stdin()

    from retort.inference.predictor import Classifier

    classifier = Classifier.load(model, device=device)
    if device == "auto" and classifier.device != "cpu":
        typer.echo(f"device: {classifier.device}", err=True)
    if review is not None:
        classifier = classifier.reviewing(review)
    words = classifier.task.words
    width = max(map(len, words.values()))
    for index, (answer, comment) in enumerate(zip(classifier.read(comments), comments, strict=True)):
        for warning in answer.warnings:
            typer.echo(f"warning: text {index}: {warning}", err=True)
        if as_json:
            typer.echo(json.dumps(answer.as_json(index)))
        else:
            probability = answer.probabilities[classifier.primary]
            typer.echo(f"{words[answer.outcome]:<{width}}  {probability:.3f}  {' '.join(comment.split())}")


def _lines_of_stdin() -> list[str]:
    try:
        # Not splitlines(): it also splits at characters that a comment may contain, such as U+2028.
        lines = sys.stdin.buffer.read().decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"stdin: not UTF-8 (byte {error.start}); convert it first, e.g. with iconv") from error
    if lines == [""]:
        raise DataError("stdin: empty; give one comment a line")
    return lines
