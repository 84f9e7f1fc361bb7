"""From a cold start to the verdict on one comment: `retort predict` of an export against a pipeline on the same model.

Both are fresh processes, in turns, and both models lie in the machine's file cache. The export is int8, 6 layers of
bert-base's width with random weights; the pipeline loads the folder that it was exported from.

Example: python benchmarks/cold_start.py
"""

import ast
import functools
import json
import sys
from pathlib import Path

import side_comments
import side_models
import side_script
import sides

from retort.inference.onnx_predictor import INT8

GOAL = 0.25
_QUICK = 2
_PROGRAM = """
import sys
from transformers import pipeline
classify = pipeline("text-classification", model=sys.argv[1], top_k=None, function_to_apply="sigmoid")
print(classify(sys.argv[2], truncation=True, max_length=int(sys.argv[3])))
"""


def main() -> int:
    options = side_script.parser(__doc__ or "", "2 turns, a tiny model", rounds=11)
    given = options.parse_args()
    rounds = min(given.rounds, _QUICK) if given.quick else given.rounds
    with side_script.workshop(given) as folder, sides.watched() as others:
        models = side_models.models(given, folder)
        exported, student = models.exported(INT8), models.student()
        text = next(
            text for text in side_comments.drawn_texts(50, given.seed) if 20 <= len(text) <= 200 and text[0].isalpha()
        )
        predict = sides.retort("predict", "--model", exported, "--json", text)
        judge: list[str | Path] = [sys.executable, "-c", _PROGRAM, student, text, str(side_models.MAX_LENGTH)]
        logs = {name: folder / f"{name}.log" for name in ("predict", "pipeline")}
        commands = {"predict": predict, "pipeline": judge}
        turns = {name: functools.partial(sides.timed, command, logs[name]) for name, command in commands.items()}
        for turn in turns.values():
            turn()  # reads program and model into the file cache
        found = sides.alternated(turns, rounds)
        said = {"predict": predicted(logs["predict"]), "pipeline": judged(logs["pipeline"])}
    ours = sides.Side("retort predict", tuple(found["predict"]))
    theirs = sides.Side("python -c, pipeline", tuple(found["pipeline"]))
    apart = abs(said["predict"] - said["pipeline"])
    rows = [
        sides.share_of_the_time("one comment from a cold start", ours, theirs, GOAL),
        sides.required(
            "  the two sides' probabilities",
            f"{said['predict']:.4f} and {said['pipeline']:.4f}, {apart:.2g} apart",
            "the same verdict",
            (said["predict"] >= 0.5) == (said["pipeline"] >= 0.5),
        ),
        sides.bystanders(others.share),
    ]
    notes = [f"{models.shape.name}, {models.shape.layers // 2} layers, random weights; {rounds} turns each"]
    return sides.tell(given, rows, data=f"{side_comments.source().origin}: one", notes=notes)


def predicted(log: Path) -> float:
    """The probability in what `retort predict --json` printed."""
    lines = [line for line in log.read_text("utf-8").splitlines() if line.startswith("{")]
    return float(json.loads(lines[-1])["probabilities"][side_comments.PRIMARY])


def judged(log: Path) -> float:
    """The probability in what the pipeline's program printed."""
    lines = [line for line in log.read_text("utf-8").splitlines() if line.startswith("[")]
    answer = ast.literal_eval(lines[-1])
    while answer and isinstance(answer[0], list):
        answer = answer[0]
    return float(next(one["score"] for one in answer if one["label"] == side_comments.PRIMARY))


if __name__ == "__main__":
    side_script.ended(main)
