"""The latency of one comment over HTTP, relative to the bare model call.

Both read the same comments with the same settings and number of threads, in turns and in random order; the server is
a process of its own. A pause before every call lets the other side's spinning threads fall asleep.
"""

import random

from benchmarks.serving.client import Connection, classify
from benchmarks.serving.server import finish, parser, served
from benchmarks.shared import comments, processes, results, script
from retort.config import ServeSettings
from retort.errors import RunError
from retort.web.server.models import service_of

GOAL = 1.3
_WARM_UP = 20
_PAUSE_SECONDS = 0.06


def main() -> int:
    given = script.parsed(parser(__doc__, comments=(1000, 60, "sent both ways")))
    randomness = random.Random(given.seed)
    texts = randomness.choices(comments.sample_texts(), k=given.comments)
    bare = service_of(given.model, ServeSettings()).classifier()
    requests = {text: classify([text]) for text in texts}

    with served(given) as server, Connection(server.address) as kept:
        if server.model["sha256"] != bare.sha256:
            raise RunError("the server answers with another model than the one called here")

        def over_http(text: str) -> None:
            if kept.send(requests[text]).status != 200:
                raise RunError("the server refused a comment")

        calls = (lambda text: bare.read([text]), over_http)
        processes.in_turns(calls, texts[:_WARM_UP], 0.0, randomness)
        with server.other_load() as load:
            pause = 0.0 if given.quick else _PAUSE_SECONDS
            model_seconds, http_seconds = processes.in_turns(calls, texts, pause, randomness)

    model_p50, http_p50 = (results.percentile(one, 0.5) for one in (model_seconds, http_seconds))
    added = results.median([a - b for a, b in zip(http_seconds, model_seconds, strict=True)])
    rows = [
        results.figure("bare model call, p50", model_p50 * 1000, "ms"),
        results.figure("over HTTP, p50", http_p50 * 1000, "ms"),
        results.figure("added by HTTP, median of pairs", added * 1000, "ms"),
        processes.load_row(load.share),
        results.at_most(f"HTTP / bare, p50 of {len(texts)} ({bare.format})", http_p50 / model_p50, GOAL),
    ]
    return finish(
        given, server, rows, bare=results.summary_ms(model_seconds), http=results.summary_ms(http_seconds)
    )  # fmt: skip


if __name__ == "__main__":
    script.run(main)
