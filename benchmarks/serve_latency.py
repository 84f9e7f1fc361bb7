"""What one comment costs over HTTP, against the bare model call.

Both read the same comments with the same settings and number of threads, in turns and in random order; the
server is a process of its own. Before every call the other side is given time to fall asleep, because
onnxruntime's threads keep a core busy for a while after each call.

Example: python benchmarks/serve_latency.py runs/NAME
"""

import random
import sys
import time
from collections.abc import Callable, Sequence

import serving

from retort.config import ServeSettings
from retort.inference.predictor import Classifier
from retort.web.arms import service_of

GOAL = 1.3
_WARM_UP = 20


def in_turns(
    calls: Sequence[Callable[[str], object]], texts: Sequence[str], pause: float, randomness: random.Random
) -> list[list[float]]:
    """Seconds of every call, one list per entry of `calls`; for each text the order is drawn anew."""
    seconds: list[list[float]] = [[] for _ in calls]
    for text in texts:
        for which in randomness.sample(range(len(calls)), len(calls)):
            time.sleep(pause)
            began = time.perf_counter()
            calls[which](text)
            seconds[which].append(time.perf_counter() - began)
    return seconds


def main() -> int:
    options = serving.parser(__doc__ or "", "60 comments")
    options.add_argument("--comments", type=int, default=1000, metavar="N", help="how many, asked both ways [1000]")
    options.add_argument("--pause", type=float, default=60.0, metavar="MS", help="before every call [60]")
    given = options.parse_args()
    randomness = random.Random(given.seed)
    sample = serving.sample_texts()
    texts = randomness.choices(sample, k=min(given.comments, 60) if given.quick else given.comments)
    bare: Classifier = service_of(given.model, ServeSettings()).classifier()
    requests = {text: serving.classify([text]) for text in texts}

    with serving.serving(given.model, serving.server_options(given)) as server:
        served = serving.model_of(server)
        if served["sha256"] != bare.sha256:
            sys.exit("error: the server answers with another model than the one called here")
        with serving.Connection(server.address) as kept:

            def over_http(text: str) -> None:
                if kept.ask(requests[text]).status != 200:
                    raise RuntimeError("the server refused a comment")

            calls = (lambda text: bare.read([text]), over_http)
            in_turns(calls, texts[:_WARM_UP], 0.0, randomness)
            with serving.watched(server) as others:
                model_seconds, http_seconds = in_turns(calls, texts, given.pause / 1000, randomness)

    model_p50, http_p50 = (serving.percentile(one, 0.5) for one in (model_seconds, http_seconds))
    added = serving.middle([a - b for a, b in zip(http_seconds, model_seconds, strict=True)])
    checks = [
        serving.figure("bare model call, p50", model_p50 * 1000, " ms"),
        serving.figure("over HTTP, p50", http_p50 * 1000, " ms"),
        serving.figure("added by HTTP, median of pairs", added * 1000, " ms"),
        serving.bystanders(others.share),
        serving.at_most(f"HTTP / bare, p50 of {len(texts)} ({bare.format})", http_p50 / model_p50, GOAL),
    ]
    figures = {
        "model": served,
        "bare": serving.summary(model_seconds),
        "http": serving.summary(http_seconds),
        "ratio_p50": http_p50 / model_p50,
        "added_ms": added * 1000,
        "pause_ms": given.pause,
        "bystanders_share": others.share,
    }
    return serving.tell(given, checks, figures)


if __name__ == "__main__":
    sys.exit(main())
