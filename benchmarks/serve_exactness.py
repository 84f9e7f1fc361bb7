"""The same comment gets the same score: alone, in any batch, and when many ask at once.

In this process, comments are read alone and in random batches; over HTTP, one client asks for each first and
16 threads ask for them again at once. fp32 may differ by 1e-5 between batches, int8 not at all, and over HTTP
nothing may differ for either.

Example: python benchmarks/serve_exactness.py runs/NAME/odd/onnx
"""

import json
import random
import sys
import threading
from collections.abc import Sequence

import numpy as np
import serving

from retort.config import ServeSettings
from retort.inference.predictor import Classifier
from retort.web.arms import service_of

FP32_GOAL = 1e-5
_THREADS = 16
_SIZES = (2, 3, 8, 32)


def batch_difference(classifier: Classifier, texts: Sequence[str], rounds: int, randomness: random.Random) -> float:
    """The largest difference of any probability between a text read alone and the same text in a batch."""
    alone = {text: classifier.probabilities([text])[0] for text in texts}
    largest = 0.0
    for turn in range(rounds):
        shuffled = randomness.sample(texts, len(texts))
        size = _SIZES[turn % len(_SIZES)]
        for begin in range(0, len(shuffled), size):
            batch = shuffled[begin : begin + size]
            together = classifier.probabilities(batch)
            largest = max(largest, float(np.abs(together - [alone[text] for text in batch]).max()))
    return largest


def of_all_lengths(sample: Sequence[str], count: int, randomness: random.Random) -> list[str]:
    """Comments of the sample; every tenth is several of them in one, so that it needs more than one window."""
    return [
        " ".join(randomness.choices(sample, k=randomness.randint(8, 40))) if turn % 10 == 0 else text
        for turn, text in enumerate(randomness.sample(sample, count))
    ]


def scores(address: serving.Address, texts: Sequence[str], errors: list[str]) -> list[dict[str, float] | None]:
    """What the server says of each text, asked one by one on one connection; None where it gave no score."""
    found: list[dict[str, float] | None] = []
    kept = serving.Connection(address)
    for text in texts:
        try:
            reply = kept.ask(serving.classify([text]))
        except OSError as error:
            errors.append(repr(error))
            kept.close()
            kept = serving.Connection(address)
            found.append(None)
            continue
        if reply.status != 200:
            errors.append(f"status {reply.status}")
        found.append(json.loads(reply.body)["results"][0]["probabilities"] if reply.status == 200 else None)
    kept.close()
    return found


def at_once(
    address: serving.Address, texts: Sequence[str], calls: int, seed: int, errors: list[str]
) -> list[tuple[str, dict[str, float] | None]]:
    """16 threads, each with a connection and an order of its own."""
    answers: list[tuple[str, dict[str, float] | None]] = []

    def ask(number: int) -> None:
        own = random.Random(seed * 1000 + number).choices(texts, k=calls)
        answers.extend(zip(own, scores(address, own, errors), strict=True))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def main() -> int:
    options = serving.parser(__doc__ or "", "few comments, 16 x 20 calls")
    options.add_argument("--comments", type=int, default=300, metavar="N", help="read alone and in batches [300]")
    options.add_argument("--calls", type=int, default=1000, metavar="N", help="of each of 16 threads [1000]")
    given = options.parse_args()
    comments, calls, rounds = (40, 20, 2) if given.quick else (given.comments, given.calls, 2 * len(_SIZES))
    randomness = random.Random(given.seed)
    sample = serving.sample_texts()

    classifier = service_of(given.model, ServeSettings()).classifier()
    goal = 0.0 if classifier.format == "onnx int8" else FP32_GOAL
    batches = batch_difference(classifier, of_all_lengths(sample, comments, randomness), rounds, randomness)

    asked = randomness.sample(sample, min(200, 4 * calls))
    errors: list[str] = []
    with serving.serving(given.model, serving.server_options(given)) as server:
        served = serving.model_of(server)
        single = dict(zip(asked, scores(server.address, asked, errors), strict=True))
        answers = at_once(server.address, asked, calls, given.seed, errors)
        alive = server.is_alive()
    wrong = sum(answer is not None and answer != single[text] for text, answer in answers)

    form = classifier.format
    checks = [
        serving.at_most(f"alone or in a batch, largest difference ({form})", batches, goal),
        serving.at_most(f"errors in {len(answers):,} calls of {_THREADS} threads", len(errors), 0),
        serving.at_most("scores unlike a single client's", wrong, 0),
        serving.Check("server lives", "yes", "yes" if alive else "no", alive),
    ]
    figures = {
        "model": served,
        "batch_difference": batches,
        "calls": len(answers),
        "errors": errors[:20],
        "wrong_scores": wrong,
    }
    return serving.tell(given, checks, figures)


if __name__ == "__main__":
    sys.exit(main())
