"""20,000 bad requests: does anything but a plain refusal come back?

Three kinds: what schemathesis makes of the server's own OpenAPI document (valid and invalid, all its checks);
bodies drawn by Hypothesis for every address that takes one, with JSON, forms and files that are nearly right or
not at all; and bytes on raw sockets: broken HTTP, wrong lengths, binary, pipelined, cut off, closed early.
None may be answered with a 5xx, end the process, or leave a traceback in the log; afterwards the server answers
and has not grown.

Example: python benchmarks/serve_fuzz.py runs/NAME
"""

import collections
import contextlib
import json
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import serving
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

GROWTH_MB = 50.0
_WAIT_SECONDS = 30.0
_SHOWN = 20


@dataclass
class Seen:
    """What came back. failures: those that must not be, each in a line that tells how to have it again."""

    requests: int = 0
    statuses: collections.Counter[int] = field(default_factory=collections.Counter)
    unanswered: int = 0
    failures: list[str] = field(default_factory=list)

    def answer(self, status: int, asked: str) -> None:
        """Notes one answer."""
        self.statuses[status] += 1
        if status >= 500:
            self.failures.append(f"{status} for {asked}")

    @property
    def server_errors(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)


# ------------------------------------------------------------------------------------------- hypothesis

_strings = st.text(st.characters(exclude_categories=()), max_size=60)  # lone surrogates too
_numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([10**400, -(10**50), 2**63, 1e308, float("nan"), float("inf")])
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), _numbers, _strings),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(_strings, inner, max_size=5)),
    max_leaves=12,
)
_texts = st.one_of(_strings, st.sampled_from(["", " ", "\u200b", "\x00", "a" * 20_001, "\ud800", "[SEP] [PAD]"]))
_classify = st.fixed_dictionaries(
    {},
    optional={
        "texts": st.one_of(st.lists(_texts, max_size=3), st.just(["a"] * 33), _json),
        "arm": st.one_of(_strings, _json),
        "explain": st.one_of(st.booleans(), _json),
        "Texts": _json,
    },
)
_attributes = st.dictionaries(
    st.one_of(st.sampled_from(["TOXICITY", "INSULT", "UNSUBSTANTIAL", "toxicity", ""]), _strings),
    st.one_of(st.fixed_dictionaries({}, optional={"scoreType": _json, "scoreThreshold": _json, "other": _json}), _json),
    max_size=3,
)
_comment = st.one_of(
    st.fixed_dictionaries({}, optional={"text": st.one_of(_texts, _json), "type": _json, "other": _json}), _json
)
_analyze = st.fixed_dictionaries(
    {},
    optional={
        "comment": _comment,
        "requestedAttributes": st.one_of(_attributes, _json),
        "context": _json,
        "languages": st.one_of(st.lists(st.sampled_from(["en", "xx", "", "EN-gb"]), max_size=3), _json),
        "spanAnnotations": _json,
        "doNotStore": _json,
        "dropUnsupportedAttributes": _json,
        "clientToken": _json,
        "sessionId": _json,
    },
)
_suggest = st.fixed_dictionaries(
    {},
    optional={"comment": _comment, "attributeScores": st.one_of(_attributes, _json), "communityId": _json},
)
_kinds = st.sampled_from(
    [serving.JSON, serving.JSON, serving.JSON, "application/json; charset=utf-16", serving.FORM, "text/plain",
     "multipart/form-data", "multipart/form-data; boundary=x", "", "/", "application/json;;;=", "a" * 500]
)  # fmt: skip
_queries = st.one_of(st.just(""), st.dictionaries(_strings, _strings, min_size=1, max_size=3))
_edge = "----edge"


def _written(content: Any) -> bytes:
    return json.dumps(content).encode()


def _spoilt(body: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Bodies as they are, cut, doubled, in another encoding, or with other bytes in them."""
    return st.one_of(
        body,
        st.builds(lambda whole, share: whole[: int(len(whole) * share)], body, st.floats(0, 1)),
        body.map(lambda whole: whole + whole),
        body.map(lambda whole: whole.decode().encode("utf-16")),
        body.map(lambda whole: b"\xef\xbb\xbf" + whole),
        st.builds(lambda whole, junk: whole[: len(whole) // 2] + junk + whole[len(whole) // 2 :], body, st.binary()),
        body.map(lambda whole: whole.replace(b'"', b"'")),
        body.map(lambda whole: b'{"texts": ["a"], "texts": ' + whole + b"}"),
        body.map(lambda whole: b"[" * 300 + whole + b"]" * 300),
        st.sampled_from([b"", b"[" * 100_000, b'{"texts": [1e999]}', b"9" * 5000, b'"\\ud800"', b"\xff\xfe\x00"]),
    )


def _file(content: bytes, name: str, field_name: str) -> bytes:
    head = f'--{_edge}\r\nContent-Disposition: form-data; name="{field_name}"; filename="{name}"\r\n\r\n'
    return head.encode("utf-8", "replace") + content + f"\r\n--{_edge}--\r\n".encode()


_cells = st.lists(st.lists(_strings, max_size=4).map(",".join), max_size=8).map("\n".join)
_files = st.builds(
    _file,
    st.one_of(
        st.binary(max_size=300),
        _cells.map(lambda rows: ("text,toxicity\n" + rows).encode("utf-8", "replace")),
        st.sampled_from([b"", b'text\n"', b"text\n" + b'"' * 3001, b"\x00" * 3000, b"a," * 40_000, b"\n" * 10_001]),
    ),
    st.sampled_from(["a.csv", "a.txt", "", "../../x.csv", 'q".csv', "a.xlsx"]),
    st.sampled_from(["file", "file", "files", ""]),
)
_form_fields = st.dictionaries(
    st.one_of(st.sampled_from(["text", "arm", "threshold", "download", "own_threshold"]), _strings), _texts, max_size=5
)


def _encoded(fields: dict[str, str]) -> bytes:
    return urlencode(fields, errors="surrogatepass").encode()


def _requests(address: str, body: st.SearchStrategy[bytes], kinds: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Whole requests, well formed as HTTP."""

    def build(content: bytes, kind: str, query: dict[str, str] | str) -> bytes:
        asked = "?" + urlencode(query, errors="surrogatepass") if isinstance(query, dict) else ""
        return serving.request("POST", quote(address) + asked, content, kind)

    return st.builds(build, body, kinds, _queries)


_FORM_DATA = f"multipart/form-data; boundary={_edge}"
BY_ADDRESS: dict[str, st.SearchStrategy[bytes]] = {
    serving.CLASSIFY: _requests(serving.CLASSIFY, _spoilt(_classify.map(_written)), _kinds),
    serving.ANALYZE: _requests(serving.ANALYZE, _spoilt(_analyze.map(_written)), _kinds),
    serving.SUGGEST: _requests(serving.SUGGEST, _spoilt(_suggest.map(_written)), _kinds),
    "/": _requests("/", _spoilt(_form_fields.map(_encoded)), st.one_of(st.just(serving.FORM), _kinds)),
    "/upload": _requests("/upload", _files, st.one_of(st.just(_FORM_DATA), st.just(_FORM_DATA), _kinds)),
}


def drawn(address: serving.Address, count: int, chosen: int, seen: Seen) -> None:
    """`count` requests of Hypothesis' choice, shared among the addresses."""
    for path, requests in BY_ADDRESS.items():
        sender = _Sender(address, seen)
        _draw(requests, count // len(BY_ADDRESS), chosen, sender.send)
        sender.close()
        serving.note(f"{path}: {seen.requests} requests so far, {dict(sorted(seen.statuses.items()))}")


def _draw(requests: st.SearchStrategy[bytes], count: int, chosen: int, send: Callable[[bytes], None]) -> None:
    @seed(chosen)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests)
    def each(whole: bytes) -> None:
        send(whole)

    each()


class _Sender:
    """One client that must get an answer to everything, since all that it sends is HTTP."""

    def __init__(self, address: serving.Address, seen: Seen) -> None:
        self._address = address
        self._seen = seen
        self._connection: serving.Connection | None = None

    def send(self, whole: bytes) -> None:
        """Sends and notes the answer."""
        self._seen.requests += 1
        try:
            self._connection = self._connection or serving.Connection(self._address, _WAIT_SECONDS)
            reply = self._connection.ask(whole)
        except OSError as error:
            self._seen.unanswered += 1
            self._seen.failures.append(f"{error!r} for {whole[:300]!r}")
            self.close()
            return
        self._seen.answer(reply.status, repr(whole[:600]))
        if b"\r\nConnection: close" in reply.head:
            self.close()

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None


# ------------------------------------------------------------------------------------------ raw sockets

_GOOD = serving.classify(["a fine day"])
_HEAD = b"POST /api/v1/classify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
_BODY = b'{"texts": ["a fine day"]}'
_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(180))


def _with_length(length: bytes) -> bytes:
    return _HEAD + b"Content-Length: " + length + b"\r\n\r\n" + _BODY


def _flipped(randomness: random.Random) -> bytes:
    changed = bytearray(_GOOD)
    for _ in range(randomness.randint(1, 12)):
        changed[randomness.randrange(len(changed))] = randomness.randrange(256)
    return bytes(changed)


def _chunked(randomness: random.Random) -> bytes:
    sizes = [b"5", b"ffffffffff", b"-1", b"zz", b"0", b"5;x=y", b"", b"0x5"]
    chunks = b"".join(
        randomness.choice(sizes) + randomness.choice([b"\r\n", b"\n", b""]) + b"hello\r\n" for _ in range(3)
    )
    coding = randomness.choice([b"chunked", b"Chunked", b"gzip", b"gzip, chunked", b"identity", b"\x0bchunked", b""])
    return _HEAD + b"Transfer-Encoding: " + coding + b"\r\n\r\n" + chunks + randomness.choice([b"0\r\n\r\n", b""])


def _first_line(randomness: random.Random) -> bytes:
    method = randomness.choice([b"GET", b"POST", b"BREW", b"get", b"", b"\x00", b"PUT", b"TRACE", b"OPTIONS", b"HEAD"])
    target = randomness.choice(
        [b"/", b"*", b"", b"http://x/", b"//", b"/%00", b"/%ff%fe", b"/..%2f..", b"/\xff", b"/api/v1/classify?%",
         b"/" + b"a" * 10_000, b"/upload/", b"/static/../../x", b"/api/docs/..%2fx", b"http://[/"]
    )  # fmt: skip
    version = randomness.choice([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9.9", b"", b"HTTP/1.", b"HTTP/1.1 x", b"ICY"])
    ends = randomness.choice([b"\r\n", b"\n", b"\r", b"\r\n\r\n"])
    return method + b" " + target + b" " + version + ends + b"Host: x\r\n\r\n"


def _header(randomness: random.Random) -> bytes:
    name = randomness.choice([b"Host", b"X", b"", b"A B", b"\xff", b"Cookie", b"Accept-Encoding", b"Expect", b"Range"])
    value = randomness.choice(
        [b"", b"\x00", b"\xff\xfe", b"a\r\n b", b"100-continue", b"a" * 300_000, b"bytes=0-", b"chunked", b"\x7f" * 9]
    )
    line = name + randomness.choice([b": ", b":", b" : ", b""]) + value + b"\r\n"
    path = randomness.choice([b"/", b"/healthz", b"/api/v1/arms", b"/api/docs"])
    return b"GET " + path + b" HTTP/1.1\r\n" + line * randomness.choice([1, 1, 2, 500]) + b"\r\n"


def _pipelined(randomness: random.Random) -> bytes:
    parts = [_GOOD, serving.get("/healthz"), serving.get("/nothing"), _with_length(b"3"), b"\r\n\r\n", b"\x00"]
    return b"".join(randomness.choices(parts, weights=[1, 5, 5, 1, 1, 1], k=randomness.randint(2, 12)))


_LENGTHS = (
    b"", b"-1", b"+25", b"0", b"5", b"26", b"250000", b"262145", b"99999999999999999999", b"1e3", b"0x19", b"25, 25",
    b"25\r\nContent-Length: 24", b"\xd9\xa2", b"2 5", b"NaN",
)  # fmt: skip
_RAW: tuple[Callable[[random.Random], bytes], ...] = (
    lambda r: r.randbytes(r.randint(1, 2000)),
    lambda r: _with_length(r.choice(_LENGTHS)),
    lambda r: _GOOD[: r.randrange(len(_GOOD))],
    lambda r: r.choice([b"", b"\r\n", b"\n" * 2000, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", _HELLO, b"GET /\r\n\r\n"]),
    _flipped,
    _chunked,
    _first_line,
    _header,
    _pipelined,
)


def thrown(address: serving.Address, count: int, chosen: int, seen: Seen) -> None:
    """`count` connections with bytes of all kinds; some are cut off, so that there is nobody to answer."""
    randomness = random.Random(chosen)
    for number in range(count):
        kind = number % len(_RAW)
        whole = _RAW[kind](randomness)
        seen.requests += 1
        with contextlib.suppress(ConnectionError), socket.create_connection(address, _WAIT_SECONDS) as sent:
            _throw(sent, whole, randomness.random() < 0.2, f"raw bytes {whole[:300]!r}", seen)
    serving.note(f"raw sockets: {seen.requests} requests so far, {dict(sorted(seen.statuses.items()))}")


def _throw(sent: socket.socket, whole: bytes, leaves: bool, asked: str, seen: Seen) -> None:
    sent.sendall(whole)
    if leaves:
        # Closed with a reset, while the server may be reading, working or writing.
        sent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return
    sent.shutdown(socket.SHUT_WR)
    got = b""
    try:
        while piece := sent.recv(65_536):
            got += piece
    except TimeoutError:
        seen.unanswered += 1
        seen.failures.append(f"neither answered nor closed: {asked}")
    while end := serving.complete(got):
        seen.answer(int(got[9:12]), asked)
        got = got[end:]


# ----------------------------------------------------------------------------------------- schemathesis


# A body that is invalid and too large besides may be refused for its size.
_SCHEMATHESIS_SETTINGS = """
[checks.negative_data_rejection]
expected-statuses = [400, 404, 405, 406, 411, 413, 415, 422, 429]
"""


def from_openapi(address: serving.Address, count: int, chosen: int, seen: Seen) -> dict[str, Any]:
    """Runs schemathesis against /api/openapi.json with all its checks; its report."""
    with tempfile.TemporaryDirectory(prefix="retort-bench-") as folder:
        Path(folder, "schemathesis.toml").write_text(_SCHEMATHESIS_SETTINGS, "utf-8")
        report = Path(folder) / "report.json"
        command = [
            sys.executable, "-m", "schemathesis.cli", "run", f"http://{address[0]}:{address[1]}/api/openapi.json",
            "--mode", "all", "--checks", "all", "--max-examples", str(count), "--seed", str(chosen), "--no-shrink",
            "--continue-on-failure", "--generation-database", "none", "--suppress-health-check", "all",
            "--report", "json", "--report-json-path", str(report), "--no-color", "--max-response-time", "15",
        ]  # fmt: skip
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if not report.is_file():
            sys.exit(f"error: schemathesis gave no report:\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}")
        found: dict[str, Any] = json.loads(report.read_text("utf-8"))
    seen.requests += found["test_cases"]["generated"]
    for failure in found["failures"]:
        serving.note(f"schemathesis: {failure['title']} ({failure['count']} x {', '.join(failure['operations'])})")
    if found["failures"]:
        serving.note(_told_failures(ended.stdout))
    return found


def _told_failures(output: str) -> str:
    _, _, failures = output.partition("= FAILURES =")
    return failures.partition("= SUMMARY =")[0][:4000]


# ------------------------------------------------------------------------------------------------- all


def warmed(server: serving.ServerProcess) -> int:
    """Resident bytes once every part of the server has worked: what grows later has been left behind."""
    long = " ".join(serving.sample_texts()[:200])[:20_000]
    with serving.Connection(server.address) as kept:
        for whole in (
            serving.classify([long]),
            serving.classify(["a fine day"] * 32, explain=True),
            serving.analyze("a fine day"),
            serving.upload(["a fine day"] * 50),
            serving.request("POST", "/", b"text=a+fine+day", serving.FORM),
            serving.get("/api/docs"),
            serving.request("POST", serving.CLASSIFY, b"[" * 200_000, serving.JSON),
        ) * 3:
            kept.ask(whole)
    return server.resident_bytes()


def answers(address: serving.Address) -> bool:
    """Whether a well-meant request is served."""
    with serving.Connection(address, _WAIT_SECONDS) as asked:
        return asked.ask(_GOOD).status == 200 and asked.ask(serving.get("/healthz")).status == 200


def main() -> int:
    options = serving.parser(__doc__ or "", "some hundred requests")
    options.add_argument("--schemathesis", type=int, default=4000, metavar="N", help="from the OpenAPI document [4000]")
    options.add_argument("--hypothesis", type=int, default=10_000, metavar="N", help="drawn bodies [10000]")
    options.add_argument("--raw", type=int, default=6500, metavar="N", help="raw connections [6500]")
    asked = options.parse_args()
    shares = (30, 300, 200) if asked.quick else (asked.schemathesis, asked.hypothesis, asked.raw)
    kinds: dict[str, Seen] = {"OpenAPI": Seen(), "Hypothesis": Seen(), "raw": Seen()}

    with serving.serving(asked.model, serving.server_options(asked)) as server:
        served = serving.model_of(server)
        before = warmed(server)
        drawn(server.address, shares[1], asked.seed, kinds["Hypothesis"])
        thrown(server.address, shares[2], asked.seed, kinds["raw"])
        report = from_openapi(server.address, shares[0], asked.seed, kinds["OpenAPI"])
        alive = server.is_alive()
        normal = alive and answers(server.address)
        after = server.resident_bytes() if alive else 0
        counted = serving.statuses(server) if normal else {}
        log = server.log.read_text("utf-8", "replace")

    errors = sum(count for status, count in counted.items() if status >= 500)
    traces = len(re.findall(r"Traceback \(most|unforeseen |Exception while serving", log))
    for trace in re.findall(r"Traceback \(most.*?\n(?=\S)[^\n]*", log, re.DOTALL)[:_SHOWN]:
        serving.note(trace)
    found = sum(failure["count"] for failure in report["failures"])
    failures = [failure for seen in kinds.values() for failure in seen.failures]
    for failure in failures[:_SHOWN]:
        serving.note(failure)
    checks = [
        _enough(sum(seen.requests for seen in kinds.values()), quick=asked.quick),
        serving.at_most("5xx that clients saw", sum(seen.server_errors for seen in kinds.values()), 0),
        serving.at_most("5xx that the server counted", errors, 0),
        serving.at_most("well-formed requests without an answer", kinds["Hypothesis"].unanswered, 0),
        serving.at_most("raw connections neither answered nor closed", kinds["raw"].unanswered, 0),
        serving.at_most("tracebacks in the log", traces, 0),
        serving.at_most("other findings of schemathesis", found, 0),
        serving.Check("server lives and answers", "yes", "yes" if normal else "NO", normal),
        serving.at_most("memory grown", (after - before) / 1e6, GROWTH_MB, " MB"),
        serving.figure("answers", ", ".join(f"{count} x {status}" for status, count in sorted(counted.items()))),
    ]
    figures = {
        "model": served,
        "requests": {name: seen.requests for name, seen in kinds.items()},
        "statuses": {str(status): count for status, count in sorted(counted.items())},
        "failures": failures[:_SHOWN],
        "schemathesis": {"version": report["schemathesis_version"], "failures": report["failures"]},
        "resident_bytes": {"before": before, "after": after},
    }
    return serving.tell(asked, checks, figures)


def _enough(count: int, *, quick: bool) -> serving.Check:
    return serving.figure("bad requests", count) if quick else serving.at_least("bad requests", count, 20_000)


if __name__ == "__main__":
    sys.exit(main())
