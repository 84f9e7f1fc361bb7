"""The verdict on one comment from a cold start: `retort predict` of an int8 export against a pipeline on its model.

Both are fresh processes, in turns, with the model in the file cache.
"""

import ast
import functools
import json
import sys
from pathlib import Path

from benchmarks.shared import comments, models, processes, results, script
from benchmarks.shared.results import Side
from retort.inference.onnx_predictor import INT8

GOAL = 0.25
PROGRAM = """
import sys
from transformers import pipeline
classify = pipeline("text-classification", model=sys.argv[1], top_k=None, function_to_apply="sigmoid")
print(classify(sys.argv[2], truncation=True, max_length=int(sys.argv[3])))
"""


def main() -> int:
    given = script.parsed(models.parser(__doc__, rounds=(11, 2, "processes of each side")))
    with models.prepared(given) as made, processes.other_load() as load:
        exported, student = made.exported(INT8), made.student()
        drawn = comments.drawn_texts(50, given.seed)
        text = next(text for text in drawn if 20 <= len(text) <= 200 and text[0].isalpha())
        commands: dict[str, list[str | Path]] = {
            "retort predict": processes.retort("predict", "--model", exported, "--json", text),
            "python -c, pipeline": [sys.executable, "-c", PROGRAM, student, text, str(models.MAX_LENGTH)],
        }
        logs = {name: made.folder / f"{name.split()[0]}.log" for name in commands}
        turns = {name: functools.partial(processes.timed, command, logs[name]) for name, command in commands.items()}
        for turn in turns.values():
            turn()  # reads programs and models into the file cache
        found = processes.alternated(turns, given.rounds)
        ours, theirs = (Side(name, tuple(seconds)) for name, seconds in found.items())
        mine, other = predict_probability(logs[ours.name]), pipeline_probability(logs[theirs.name])
    same = (mine >= 0.5) == (other >= 0.5)
    measured = f"{mine:.4f} and {other:.4f}, {abs(mine - other):.2g} apart"
    rows = [
        results.share_of_the_time("one comment from a cold start", ours, theirs, GOAL),
        results.required("  the two sides' probabilities", measured, "the same verdict", same),
        processes.load_row(load.share),
    ]
    notes = [f"{made.described(1 / 2)}; {given.rounds} rounds each"]
    return script.finish(given, rows, data=f"{comments.source().origin}: one", notes=notes)


def predict_probability(log: Path) -> float:
    """The probability in the output of `retort predict --json`."""
    lines = [line for line in log.read_text("utf-8").splitlines() if line.startswith("{")]
    return float(json.loads(lines[-1])["probabilities"][comments.LABEL])


def pipeline_probability(log: Path) -> float:
    """The probability in the output of the pipeline's program."""
    lines = [line for line in log.read_text("utf-8").splitlines() if line.startswith("[")]
    answer = ast.literal_eval(lines[-1])
    while answer and isinstance(answer[0], list):
        answer = answer[0]
    return float(next(one["score"] for one in answer if one["label"] == comments.LABEL))


if __name__ == "__main__":
    script.run(main)
