"""The same comment gets the same score: alone, in any batch, and with many concurrent clients.

fp32 may differ by 1e-5 between batches, int8 not at all; over HTTP, neither may differ.
"""

import json
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.serving.client import Address, Connection, classify
from benchmarks.serving.server import finish, parser, served
from benchmarks.shared import comments, results, script
from retort.config import ServeSettings
from retort.inference.predictor import Classifier
from retort.web.server.models import service_of

FP32_GOAL = 1e-5
_THREADS = 16
_SIZES = (2, 3, 8, 32)

Scores = dict[str, float] | None


def batch_difference(classifier: Classifier, texts: Sequence[str], rounds: int, randomness: random.Random) -> float:
    """The largest difference of any probability between a text alone and the same text in a batch."""
    alone = {text: classifier.probabilities([text])[0] for text in texts}
    largest = 0.0
    for turn in range(rounds):
        shuffled = randomness.sample(texts, len(texts))
        size = _SIZES[turn % len(_SIZES)]
        for batch in (shuffled[begin : begin + size] for begin in range(0, len(shuffled), size)):
            difference = classifier.probabilities(batch) - [alone[text] for text in batch]
            largest = max(largest, float(np.abs(difference).max()))
    return largest


def of_all_lengths(sample: Sequence[str], count: int, randomness: random.Random) -> list[str]:
    """Comments of the sample; every tenth is several of them joined, so that it needs more than one window."""
    return [
        " ".join(randomness.choices(sample, k=randomness.randint(8, 40))) if turn % 10 == 0 else text
        for turn, text in enumerate(randomness.sample(sample, count))
    ]


def scores(address: Address, texts: Sequence[str]) -> list[tuple[str, Scores]]:
    """The server's scores of each text, requested one by one on one connection; None for an error."""
    found: list[tuple[str, Scores]] = []
    try:
        with Connection(address) as kept:
            for text in texts:
                reply = kept.send(classify([text]))
                good = reply.status == 200
                found.append((text, json.loads(reply.body)["results"][0]["probabilities"] if good else None))
    except OSError as error:
        script.note(repr(error))
    return found + [(text, None) for text in texts[len(found) :]]


def concurrent_scores(address: Address, texts: Sequence[str], calls: int, seed: int) -> list[tuple[str, Scores]]:
    """Scores of 16 threads, each with its own connection and order."""

    def client(number: int) -> list[tuple[str, Scores]]:
        return scores(address, random.Random(seed * 1000 + number).choices(texts, k=calls))

    with ThreadPoolExecutor(_THREADS) as pool:
        return [answer for answers in pool.map(client, range(_THREADS)) for answer in answers]


def main() -> int:
    sizes = {"comments": (300, 40, "alone and in batches"), "calls": (1000, 20, "of each thread")}
    given = script.parsed(parser(__doc__, **sizes))
    randomness = random.Random(given.seed)
    sample = comments.sample_texts()
    classifier = service_of(given.model, ServeSettings()).classifier()
    rounds = 2 if given.quick else 2 * len(_SIZES)
    alone = of_all_lengths(sample, given.comments, randomness)
    difference = batch_difference(classifier, alone, rounds, randomness)
    texts = randomness.sample(sample, min(200, 4 * given.calls))
    with served(given) as server:
        single = dict(scores(server.address, texts))
        answers = concurrent_scores(server.address, texts, given.calls, given.seed)
        lives = server.alive_row()
    errors = sum(answer is None for _, answer in [*single.items(), *answers])
    wrong = sum(answer is not None and answer != single[text] for text, answer in answers)
    goal = 0.0 if classifier.format == "onnx int8" else FP32_GOAL
    rows = [
        results.at_most(f"alone or in a batch, largest difference ({classifier.format})", difference, goal),
        results.at_most(f"errors in {len(answers):,} calls of {_THREADS} threads", errors, 0),
        results.at_most("scores unlike a single client's", wrong, 0),
        lives,
    ]
    return finish(given, server, rows, batch_difference=difference)


if __name__ == "__main__":
    script.run(main)
