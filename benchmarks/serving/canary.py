"""A unique text is sent through every endpoint: where is it found afterwards?

The server runs with its own empty home, temporary and working folders. Only the page and the upload may show what
their own visitor typed; answers to programs have scores and offsets only.
"""

import contextlib
import json
import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

from benchmarks.serving import client
from benchmarks.serving.server import Server, finish, in_words, parser, served
from benchmarks.shared import results, script

_LETTERS = "bcdfghjklmnpqrstvwxz"
_SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
_LARGEST_FILE = 64_000_000

_PATHS = ("/healthz", "/metrics", "/api/v1/models", "/readyz", "/api/docs", "/api/openapi.json")

# From the number of a request to its bytes.
Requests = Callable[[int], bytes]
Content = dict[str, object]


def canary(randomness: random.Random) -> str:
    """Sixteen letters that no encoding of a request changes."""
    return "".join(randomness.choices(_LETTERS, k=16))


def holds(content: bytes, word: str) -> bool:
    """Whether the content has the word, in lower or upper case, in UTF-8 or UTF-16."""
    lower = content.lower()
    return word.encode() in lower or word.encode("utf-16-le") in lower


def endpoints(word: str) -> dict[str, tuple[Requests, bool]]:
    """By name: the requests, and whether their answer may show the text to its sender."""

    def text(number: int) -> str:
        return f"{word} you {word} number {number}"

    def form(**fields: str) -> bytes:
        return client.request("POST", "/", urlencode(fields).encode(), client.FORM)

    def suggested(number: int) -> bytes:
        scores = {"TOXICITY": {"summaryScore": {"value": 0.5}}}
        return client.post_json(
            client.SUGGEST, {"comment": {"text": text(number)}, "attributeScores": scores, "communityId": "b"}
        )

    def classified(number: int) -> Content:
        return {"texts": [text(number)], "model": None, "explain": False}

    def analyzed(number: int) -> Content:
        wanted = {"requestedAttributes": {"TOXICITY": {}}, "languages": ["en"], "spanAnnotations": False}
        return {"comment": {"text": text(number)}, **wanted}

    def no_json(path: str, content: Callable[[int], Content]) -> Requests:
        return lambda n: client.request("POST", path, _no_json(n, json.dumps(content(n)).encode()), client.JSON)

    def wrong(path: str, content: Callable[[int], Content]) -> Requests:
        return lambda n: client.post_json(path, _wrong(n, content(n), word))

    shown: dict[str, Requests] = {
        "page": lambda n: form(text=text(n)),
        "page, refused": lambda n: form(text=text(n), model=word, threshold=word),
        "page, too long": lambda n: form(text=text(n) * 1500),
        "page, by address": lambda n: client.get(f"/?text={quote(text(n))}"),
        "upload": lambda n: client.upload([text(n), text(n + 1)], f"{word}.txt"),
        "upload, refused": lambda n: client.upload(['"' + text(n)], f"{word}.csv"),
    }
    hidden: dict[str, Requests] = {
        "classify": lambda n: client.classify([text(n)]),
        "classify, explained": lambda n: client.classify([text(n)], explain=True),
        "analyze": lambda n: client.analyze(text(n)),
        "suggestscore": suggested,
        "page, wrong type": lambda n: client.request("POST", "/", text(n).encode(), "text/plain"),
        "classify, no JSON": no_json(client.CLASSIFY, classified),
        "classify, wrong content": wrong(client.CLASSIFY, classified),
        "classify, wrong type": lambda n: client.request("POST", client.CLASSIFY, text(n).encode(), word),
        "analyze, no JSON": no_json(client.ANALYZE, analyzed),
        "analyze, wrong content": wrong(client.ANALYZE, analyzed),
        "wrong addresses": lambda n: _wrong_path(n, word, text(n)),
        "query strings": lambda n: client.get(f"{_PATHS[n % len(_PATHS)]}?text={quote(text(n))}&{word}"),
        "not HTTP": lambda n: _no_http(n, word.encode()),
    }
    return {name: (one, True) for name, one in shown.items()} | {name: (one, False) for name, one in hidden.items()}


def _wrong_path(number: int, word: str, text: str) -> bytes:
    below = ("", "api/v1/", "v1alpha1/", "static/", "run/", "api/docs/", "plots/", "$discovery/")[number % 8]
    return client.request(
        ("GET", "POST", "PUT")[number % 3], quote(f"/{below}{word if below else text}"), word.encode(), "text/plain"
    )


def _no_json(number: int, body: bytes) -> bytes:
    return (
        body[:-1], body + b"x", body.replace(b":", b""), b"\xff" + body, b"[" * 50 + body, body[:-1] + b", NaN}",
        body.replace(b'"', b'"\x01'), b'"' + body,
    )[number % 8]  # fmt: skip


def _wrong(number: int, content: Content, word: str) -> Content:
    """The content with one value replaced by one that the server refuses."""
    key = list(content)[number % len(content)]
    # Never as a key: the server may repeat the name of an unknown attribute.
    nested = {"TOXICITY": {"scoreThreshold": word}}
    values = (word, [word], nested, [word, 3], [[word]], {"text": word + "\ud800"}, {"text": word * 2000})
    return content | {key: values[number % len(values)]}


def _no_http(number: int, word: bytes) -> bytes:
    return (
        b"GET /" + word + b" HTTP/1.1\r\nHost : x\r\n\r\n",
        word + b" / HTTP/1.1\r\n\r\n",
        b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + word,
        b"POST /" + word + b" HTTP/1.1\r\nTransfer-Encoding: " + word + b"\r\n\r\n",
    )[number % 4]


class Search:
    """found: by place, the names of what has the word; looked_at: how many were searched."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.found: defaultdict[str, list[str]] = defaultdict(list)
        self.looked_at: Counter[str] = Counter()

    def look(self, where: str, name: str, content: bytes) -> None:
        """Searches one content."""
        self.looked_at[where] += 1
        if holds(content, self.word):
            self.found[where].append(name)

    def files(self, where: str, paths: Iterable[Path]) -> None:
        """Searches files and their names."""
        for path in paths:
            self.look(where, str(path), str(path).encode())
            with contextlib.suppress(OSError):
                if path.stat().st_size <= _LARGEST_FILE:
                    self.look(where, str(path), path.read_bytes())

    def row(self, where: str) -> results.Row:
        """The row that requires a place to be without the word."""
        for name in sorted(set(self.found[where])):
            script.note(f"found in {where}: {name}")
        return results.at_most(f"{where} ({self.looked_at[where]:,} searched): found", len(self.found[where]), 0)


def send_all(server: Server, search: Search, times: int) -> dict[str, Counter[int]]:
    """Sends `times` requests through every endpoint; the number of answers by endpoint and status."""
    statuses: dict[str, Counter[int]] = {}
    for name, (requests, may_show) in endpoints(search.word).items():
        statuses[name] = Counter()
        with client.Connection(server.address, 120) as connection:
            for number in range(times):
                reply = connection.send(requests(number))
                statuses[name][reply.status] += 1
                search.look("headers of answers", name, reply.head)
                if not may_show:
                    search.look("bodies of answers", f"{name} ({reply.status})", reply.body)
        # Now, because temporary files may be gone later.
        search.files("open files", open_files(server.process.pid))
        script.note(f"{name}: {in_words(statuses[name])}")
    return statuses


def open_files(pid: int) -> Iterator[Path]:
    """Regular files that a process has open, deleted ones included; none where the system is not Linux."""
    with contextlib.suppress(OSError):
        for opened in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if opened.is_file():
                    yield opened


def files_of(folder: Path, since: float = 0.0) -> Iterator[Path]:
    """Every regular file below a folder that was changed since then."""
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            with contextlib.suppress(OSError):
                if path.is_file() and not path.is_symlink() and path.stat().st_mtime >= since:
                    yield path


def environment(folders: dict[str, Path]) -> dict[str, str]:
    """For the server, with its own folders. Python's cache files are not written by the server."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return kept | {name: str(folders[name]) for name in ("HOME", "TMPDIR")} | {"PYTHONDONTWRITEBYTECODE": "1"}


def main() -> int:
    given = script.parsed(parser(__doc__, times=(1000, 20, "through each endpoint")))
    search = Search(canary(random.Random(given.seed)))
    began = time.time()
    with script.scratch_dir() as own:
        folders = {name: own / name for name in ("HOME", "TMPDIR", "work")}
        for folder in folders.values():
            folder.mkdir()
        with served(given, folder=folders["work"], environment=environment(folders)) as server:
            statuses = send_all(server, search, given.times)
            with client.Connection(server.address) as connection:
                search.look("/metrics", "/metrics", connection.send(client.get("/metrics")).body)
            lives = server.alive_row()
            server.stop()
            search.look("output and log", "output", server.log.read_bytes())
        written = list(files_of(own))
        search.files("files in its own folders", written)
        for place in _SHARED_FOLDERS:
            search.files(f"new files in {place}", files_of(Path(place), began))
        search.files("the model's folder", files_of(given.model, began))

    places = ["output and log", "/metrics", "headers of answers", "bodies of answers", "open files"]
    shared = [f"new files in {place}" for place in _SHARED_FOLDERS]
    places += ["files in its own folders", *shared, "the model's folder"]
    rows = [results.figure("requests", sum(counts.total() for counts in statuses.values()))]
    rows += [*map(search.row, places), results.at_most("files written", len(written), 0), lives]
    return finish(given, server, rows, statuses=statuses, found=search.found)


if __name__ == "__main__":
    script.run(main)
