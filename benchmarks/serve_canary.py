"""A text that nobody else could have written, sent through every endpoint: where is it afterwards?

The server runs with a home, a folder for temporary files and a working folder of its own, all empty. After
thousands of requests the text must stand nowhere: not in what the server printed or logged, not in /metrics, not
in any answer to a program (scores and offsets only) nor in any header, not in a page that refuses another
address, not in a file that the server wrote, has open or has deleted. Only the page and the upload may show
people what they typed themselves.

Example: python benchmarks/serve_canary.py runs/NAME
"""

import collections
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import serving

_LETTERS = "bcdfghjklmnpqrstvwxz"
_EVERYWHERE = ("/tmp", "/var/tmp", "/dev/shm")
_LARGEST_FILE = 64_000_000


def canary(randomness: random.Random) -> str:
    """Sixteen letters that no encoding of a request changes."""
    return "".join(randomness.choices(_LETTERS, k=16))


def holds(content: bytes, word: str) -> bool:
    """Whether the word stands there, in small or large letters, in 8 or 16 bits."""
    small = content.lower()
    return word.encode() in small or word.encode("utf-16-le") in small


def endpoints(word: str) -> dict[str, tuple[Callable[[int], bytes], bool]]:
    """By name: the request number n, and whether its answer may show the text to the one who typed it."""

    def text(number: int) -> str:
        return f"{word} you {word} number {number}"

    def suggested(number: int) -> bytes:
        scores = {"TOXICITY": {"summaryScore": {"value": 0.5}}}
        content = {"comment": {"text": text(number)}, "attributeScores": scores, "communityId": "bench"}
        return serving.post_json(serving.SUGGEST, content)

    def form(fields: dict[str, str]) -> bytes:
        return serving.request("POST", "/", urlencode(fields).encode(), serving.FORM)

    def bad_json(number: int) -> bytes:
        whole = json.dumps({"texts": [text(number)]}).encode()
        return (
            whole[:-1], whole + b"x", whole.replace(b":", b""), b"\xff" + whole, b"[" * 50 + whole,
            whole[:-2] + b', NaN]}', b'{"texts": ["' + word.encode() + b'\x01"]}', json.dumps(text(number)).encode(),
        )[number % 8]  # fmt: skip

    def bad_content(number: int) -> bytes:
        return serving.post_json(
            serving.CLASSIFY,
            (
                {"texts": text(number)},
                {"texts": [text(number)], "arm": word},
                {"texts": [text(number)], "explain": word},
                {"texts": [text(number), 3]},
                {"texts": [text(number) + "\ud800"]},
                {"texts": [text(number)] * 40},
                {"texts": [text(number) * 2000]},
                {"texts": [text(number)], "arm": [word]},
            )[number % 8],
        )

    def bad_analyze(number: int) -> bytes:
        comment = {"text": text(number)}
        wanted: dict[str, object] = {"TOXICITY": {}}
        return serving.post_json(
            serving.ANALYZE,
            (
                {"comment": comment},
                {"comment": text(number), "requestedAttributes": wanted},
                {"comment": comment | {"type": "HTML"}, "requestedAttributes": wanted},
                {"comment": {"text": text(number) * 2000}, "requestedAttributes": wanted},
                {"comment": comment, "requestedAttributes": wanted, "languages": ["xx"]},
                {"comment": comment, "requestedAttributes": {"TOXICITY": {"scoreThreshold": word}}},
                {"comment": comment, "requestedAttributes": wanted, "spanAnnotations": word},
                {"comment": {"text": [text(number)]}, "requestedAttributes": wanted},
            )[number % 8],
        )

    def wrong_path(number: int) -> bytes:
        path = quote(
            (f"/{text(number)}", f"/api/v1/{word}", f"/v1alpha1/{word}", f"/static/{word}", f"/run/{word}",
             f"/api/docs/{word}", f"/plots/{word}.png", f"/$discovery/{word}")[number % 8]
        )  # fmt: skip
        return serving.request(("GET", "POST", "PUT")[number % 3], path, word.encode(), "text/plain")

    def queried(number: int) -> bytes:
        address = ("/healthz", "/metrics", "/api/v1/arms", "/readyz", "/api/docs", "/api/openapi.json")[number % 6]
        return serving.get(f"{address}?text={quote(text(number))}&{word}")

    def no_http(number: int) -> bytes:
        return (
            b"GET /" + word.encode() + b" HTTP/1.1\r\nHost : x\r\n\r\n",
            word.encode() + b" / HTTP/1.1\r\n\r\n",
            b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + word.encode(),
            b"POST /" + word.encode() + b" HTTP/1.1\r\nTransfer-Encoding: " + word.encode() + b"\r\n\r\n",
        )[number % 4]

    return {
        "classify": (lambda number: serving.classify([text(number)]), False),
        "classify, explained": (lambda number: serving.classify([text(number)], explain=True), False),
        "analyze": (lambda number: serving.analyze(text(number)), False),
        "suggestscore": (suggested, False),
        "page": (lambda number: form({"text": text(number)}), True),
        "page, refused": (lambda number: form({"text": text(number), "arm": word, "threshold": word}), True),
        "page, wrong type": (lambda number: serving.request("POST", "/", text(number).encode(), "text/plain"), False),
        "page, too long": (lambda number: form({"text": text(number) * 1500}), True),
        "page, by address": (lambda number: serving.get(f"/?text={quote(text(number))}"), True),
        "upload": (lambda number: serving.upload([text(number), text(number + 1)], f"{word}.txt"), True),
        "upload, refused": (lambda number: serving.upload(['"' + text(number)], f"{word}.csv"), True),
        "classify, no JSON": (lambda n: serving.request("POST", serving.CLASSIFY, bad_json(n), serving.JSON), False),
        "classify, wrong content": (bad_content, False),
        "classify, wrong type": (lambda n: serving.request("POST", serving.CLASSIFY, text(n).encode(), word), False),
        "analyze, no JSON": (lambda n: serving.request("POST", serving.ANALYZE, bad_json(n), serving.JSON), False),
        "analyze, wrong content": (bad_analyze, False),
        "wrong addresses": (wrong_path, False),
        "query strings": (queried, False),
        "not HTTP": (no_http, False),
    }


class Search:
    """Where the word was found."""

    def __init__(self, word: str) -> None:
        self._word = word
        self.found: dict[str, list[str]] = collections.defaultdict(list)
        self.looked_at: collections.Counter[str] = collections.Counter()

    def look(self, where: str, name: str, content: bytes) -> None:
        """Notes the place if the word stands in it."""
        self.looked_at[where] += 1
        if holds(content, self._word):
            self.found[where].append(name)

    def files(self, where: str, paths: Iterator[Path]) -> None:
        """The same of files and of their names."""
        for path in paths:
            self.look(where, str(path), str(path).encode())
            with contextlib.suppress(OSError):
                if path.stat().st_size <= _LARGEST_FILE:
                    self.look(where, str(path), path.read_bytes())


def send_all(server: serving.ServerProcess, word: str, count: int, search: Search) -> dict[str, dict[int, int]]:
    """`count` requests through every endpoint; the statuses by endpoint."""
    statuses: dict[str, dict[int, int]] = {}
    for name, (request, may_show) in endpoints(word).items():
        counted: collections.Counter[int] = collections.Counter()
        connection: serving.Connection | None = None
        for number in range(count):
            connection = connection or serving.Connection(server.address, 120)
            reply = connection.ask(request(number))
            counted[reply.status] += 1
            search.look("headers of answers", name, reply.head)
            if not may_show:
                search.look("bodies of answers", f"{name} ({reply.status})", reply.body)
            if b"\r\nConnection: close" in reply.head:
                connection.close()
                connection = None
        if connection:
            connection.close()
        # What the process has open, while it has it: temporary files may be gone later.
        search.files("open files", open_files(server.pid))
        statuses[name] = dict(counted)
        serving.note(f"{name}: {statuses[name]}")
    return statuses


def open_files(pid: int) -> Iterator[Path]:
    """Regular files that a process has open, deleted ones included. Only Linux tells; elsewhere none."""
    with contextlib.suppress(OSError):
        for opened in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if opened.is_file():
                    yield opened


def files_of(folder: Path, since: float = 0.0) -> Iterator[Path]:
    """Every regular file below a folder that was changed since then."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(OSError):
                if path.is_file() and not path.is_symlink() and path.stat().st_mtime >= since:
                    yield path


def main() -> int:
    options = serving.parser(__doc__ or "", "20 times")
    options.add_argument("--times", type=int, default=1000, metavar="N", help="through every endpoint [1000]")
    given = options.parse_args()
    count = 20 if given.quick else given.times
    word = canary(random.Random(given.seed))
    search = Search(word)
    began = time.time()

    with tempfile.TemporaryDirectory(prefix="retort-bench-") as own:
        folders = {name: Path(own, name) for name in ("home", "temporary", "work")}
        for folder in folders.values():
            folder.mkdir()
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folders["home"]),
            "TMPDIR": str(folders["temporary"]),
            "PYTHONUNBUFFERED": "1",
            # Not a place of the server's: files of Python's own, beside its code.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        settings = serving.server_options(given)
        with serving.serving(given.model, settings, folder=folders["work"], environment=environment) as server:
            served = serving.model_of(server)
            statuses = send_all(server, word, count, search)
            with serving.Connection(server.address) as asked:
                search.look("/metrics", "/metrics", asked.ask(serving.get("/metrics")).body)
                alive = asked.ask(serving.get("/healthz")).status == 200
            server.stop()
            search.look("output and log", "output", server.log.read_bytes())
        written = [path for folder in folders.values() for path in files_of(folder)]
        search.files("files in its own folders", iter(written))
        for place in _EVERYWHERE:
            search.files(f"new files in {place}", files_of(Path(place), began))
        search.files("the model's folder", files_of(given.model, began))

    for where, names in search.found.items():
        serving.note(f"found in {where}: {', '.join(sorted(set(names)))}")
    places = ["output and log", "/metrics", "headers of answers", "bodies of answers", "open files"]
    places += ["files in its own folders", *(f"new files in {place}" for place in _EVERYWHERE), "the model's folder"]
    checks = [serving.figure("requests", sum(sum(counted.values()) for counted in statuses.values()))]
    checks += [
        serving.at_most(f"{place} ({search.looked_at[place]:,} looked at): found", len(search.found[place]), 0)
        for place in places
    ]
    checks += [
        serving.at_most("files written", len(written), 0),
        serving.Check("server lives", "yes", "yes" if alive else "NO", alive),
    ]
    figures = {
        "model": served,
        "statuses": {name: {str(key): value for key, value in own.items()} for name, own in statuses.items()},
        "found": {where: sorted(set(names)) for where, names in search.found.items()},
        "written": [str(path.relative_to(own)) for path in written],
    }
    return serving.tell(given, checks, figures)


if __name__ == "__main__":
    sys.exit(main())
