"""One comment of 64 tokens: the int8 export against torch in fp32, same model, in turns.

6 layers of bert-base's width, random weights. Both sides begin with the text and end with a probability. torch is
`transformers` as one uses it: tokenizer, model, sigmoid, in inference mode. Before every call the other side is given
time to fall asleep, because waiting threads keep a core busy for a while.

Example: python benchmarks/one_comment.py
"""

import random
from pathlib import Path
from typing import Any

import serving
import side_comments
import side_models
import side_script
import sides
from serve_latency import in_turns

from retort.inference.onnx_predictor import INT8

GOAL = 0.3
TOKENS = 64
_TEXTS = 16
_WARM_UP = 10
_PAUSE_SECONDS = 0.05
_QUICK = 10


def main() -> int:
    options = side_script.parser(__doc__ or "", "10 pairs, a tiny model", rounds=300)
    given = options.parse_args()
    pairs = min(given.rounds, _QUICK) if given.quick else given.rounds
    with side_script.workshop(given) as folder, sides.watched() as others:
        from retort.inference.predictor import Classifier

        models = side_models.models(given, folder)
        exported = Classifier.load(models.exported(INT8))
        texts = texts_of(TOKENS, side_comments.drawn_texts(200, given.seed), exported.model)
        torch_call = in_torch(models.student())

        def int8_call(text: str) -> float:
            return exported.read([text])[0].probabilities[side_comments.PRIMARY]

        apart = max(abs(int8_call(text) - torch_call(text)) for text in texts)
        flipped = sum((int8_call(text) >= 0.5) != (torch_call(text) >= 0.5) for text in texts)
        randomness = random.Random(given.seed)
        asked = [texts[turn % len(texts)] for turn in range(pairs)]
        in_turns((int8_call, torch_call), asked[:_WARM_UP], 0.0, randomness)
        pause = 0.0 if given.quick else _PAUSE_SECONDS
        ours, theirs = in_turns((int8_call, torch_call), asked, pause, randomness)
    sides_ = [
        sides.Side(name, tuple(1000 * one for one in took), "ms")
        for name, took in (("int8 export", ours), ("torch fp32", theirs))
    ]
    rows = [
        sides.share_of_the_time(f"one comment of {TOKENS} tokens, int8 / torch fp32, p50", sides_[0], sides_[1], GOAL),
        *(
            sides.figure(f"  p95, {name}", 1000 * serving.percentile(took, 0.95), "ms")
            for name, took in (("int8 export", ours), ("torch fp32", theirs))
        ),
        sides.required(
            "  the two sides' probabilities",
            f"at most {apart:.2g} apart, {flipped} of {len(texts)} verdicts flipped",
            "no verdict flipped",
            not flipped,
        ),
        sides.bystanders(others.share),
    ]
    notes = [f"{models.shape.name}, {models.shape.layers // 2} layers, random weights; {pairs} pairs"]
    return sides.tell(
        given, rows, data=f"{side_comments.source().origin}, joined and cut to {TOKENS} tokens", notes=notes
    )


def texts_of(tokens: int, comments: list[str], model: Any) -> list[str]:
    """Up to 16 texts that a model reads as one window of exactly so many tokens, made of the comments' words."""
    found: list[str] = []
    words = " ".join(comments).split()
    begin = 0
    while begin < len(words) and len(found) < _TEXTS:
        end = begin + 1
        # One word is at most some tokens: the length grows by steps, and a step over the mark starts anew.
        while end <= len(words) and _length(model, words[begin:end]) < tokens:
            end += 1
        if end <= len(words) and _length(model, words[begin:end]) == tokens:
            found.append(" ".join(words[begin:end]))
        begin = end
    if not found:
        raise ValueError(f"no words of the comments make a text of {tokens} tokens")
    return found


def _length(model: Any, words: list[str]) -> int:
    readings = model.reader.read([" ".join(words)])
    return int(readings.windows.lengths.sum())


def in_torch(folder: Path) -> Any:
    """text -> probability, by transformers and torch in fp32."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()

    def call(text: str) -> float:
        with torch.inference_mode():
            inputs = tokenizer(text, truncation=True, max_length=side_models.MAX_LENGTH, return_tensors="pt")
            return float(torch.sigmoid(model(**inputs).logits[0, 0]))

    return call


if __name__ == "__main__":
    side_script.ended(main)
