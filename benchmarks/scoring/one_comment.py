"""One comment of 64 tokens: the int8 export against torch in fp32, same 6-layer model, in turns.

Both sides run from the text to a probability. A pause before every call lets the other side's threads fall asleep.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from benchmarks.shared import comments, models, processes, results, script
from benchmarks.shared.results import Side
from retort.inference.onnx_predictor import INT8
from retort.inference.predictor import Classifier

GOAL = 0.3
TOKENS = 64
_TEXTS = 16
_WARM_UP = 10
_PAUSE_SECONDS = 0.05


def main() -> int:
    given = script.parsed(models.parser(__doc__, rounds=(300, 10, "pairs of calls")))
    with models.prepared(given) as made, processes.other_load() as load:
        exported = Classifier.load(made.exported(INT8))
        texts = texts_of(TOKENS, comments.drawn_texts(200, given.seed), exported.model)

        def int8_call(text: str) -> float:
            return exported.read([text])[0].probabilities[comments.LABEL]

        calls = int8_call, torch_call(made.student())
        probabilities = [tuple(call(text) for call in calls) for text in texts]
        randomness = random.Random(given.seed)
        repeated = [texts[turn % len(texts)] for turn in range(given.rounds)]
        processes.in_turns(calls, repeated[:_WARM_UP], 0.0, randomness)
        seconds = processes.in_turns(calls, repeated, 0.0 if given.quick else _PAUSE_SECONDS, randomness)
    ours, theirs = (
        Side(name, tuple(1000 * one for one in took), "ms")
        for name, took in zip(("int8 export", "torch fp32"), seconds, strict=True)
    )
    largest = max(abs(mine - other) for mine, other in probabilities)
    flipped = sum((mine >= 0.5) != (other >= 0.5) for mine, other in probabilities)
    agreement = f"at most {largest:.2g} apart, {flipped} of {len(texts)} verdicts flipped"
    rows = [
        results.share_of_the_time(f"one comment of {TOKENS} tokens, int8 / torch fp32, p50", ours, theirs, GOAL),
        *(results.figure(f"  p95, {s.name}", results.percentile(s.values, 0.95), "ms") for s in (ours, theirs)),
        results.required("  the two sides' probabilities", agreement, "no verdict flipped", not flipped),
        processes.load_row(load.share),
    ]
    data = f"{comments.source().origin}, joined and cut to {TOKENS} tokens"
    return script.finish(given, rows, data=data, notes=[f"{made.described(1 / 2)}; {given.rounds} pairs"])


def texts_of(tokens: int, sample: list[str], model: Any) -> list[str]:
    """Up to 16 texts of exactly `tokens` tokens, made of consecutive words of the sample."""
    found: list[str] = []
    words = " ".join(sample).split()
    begin = 0
    while begin < len(words) and len(found) < _TEXTS:
        end = begin + 1
        # A word can add several tokens; when the length skips `tokens`, the next text is tried.
        while end <= len(words) and _length(model, words[begin:end]) < tokens:
            end += 1
        if end <= len(words) and _length(model, words[begin:end]) == tokens:
            found.append(" ".join(words[begin:end]))
        begin = end
    if not found:
        raise ValueError(f"no words of the comments make a text of {tokens} tokens")
    return found


def _length(model: Any, words: list[str]) -> int:
    return int(model.reader.read([" ".join(words)]).windows.lengths.sum())


def torch_call(folder: Path) -> Callable[[str], float]:
    """text -> probability, with transformers and torch in fp32."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()

    def call(text: str) -> float:
        with torch.inference_mode():
            inputs = tokenizer(text, truncation=True, max_length=models.MAX_LENGTH, return_tensors="pt")
            return float(torch.sigmoid(model(**inputs).logits[0, 0]))

    return call


if __name__ == "__main__":
    script.run(main)
