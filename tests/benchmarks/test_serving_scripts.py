"""The serving benchmarks: that each can be asked what it does, and that what they compute with is right."""

import importlib
import json
import math
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks"
NAMES = (
    "serve_latency",
    "serve_exactness",
    "serve_overload",
    "serve_slow_clients",
    "serve_sigterm",
    "serve_fuzz",
    "serve_memory",
    "serve_canary",
)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a script or their common module, as one started beside them would."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    yield importlib.import_module
    for name in (*NAMES, "serving"):
        sys.modules.pop(name, None)


def test_every_serving_script_is_named_here_and_in_the_readme() -> None:
    assert {path.stem for path in SCRIPTS.glob("serve_*.py")} == set(NAMES)
    readme = (SCRIPTS / "README.md").read_text("utf-8")
    assert [name for name in NAMES if f"{name}.py" not in readme] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_script_says_what_it_does_and_how_to_call_it(name: str) -> None:
    asked = subprocess.run(
        [sys.executable, SCRIPTS / f"{name}.py", "--help"], capture_output=True, text=True, check=True, timeout=120
    )
    for expected in ("MODEL", "--json", "--quick", "--seed", f"Example: python benchmarks/{name}.py"):
        assert expected in asked.stdout


def test_a_percentile_is_a_value_that_was_measured(script: Any) -> None:
    percentile = script("serving").percentile
    hundred = [float(number) for number in range(100, 0, -1)]
    assert (percentile(hundred, 0.5), percentile(hundred, 0.99), percentile(hundred, 1.0)) == (50, 99, 100)
    assert percentile([7.0], 0.01) == 7
    assert percentile([1.0, 2.0, 3.0], 0.5) == 2
    assert math.isnan(percentile([], 0.5))


def test_a_figure_that_is_no_number_meets_no_goal(script: Any) -> None:
    serving = script("serving")
    for compare in (serving.at_most, serving.at_least):
        assert compare("x", 1.0, 1.0).met
        assert not compare("x", math.nan, 1.0).met
    assert not serving.at_most("x", 1.1, 1.0).met
    assert not serving.at_least("x", 0.9, 1.0).met


def test_one_goal_missed_is_the_scripts_exit_code_and_stands_out_in_the_table(script: Any) -> None:
    serving = script("serving")
    checks = [serving.at_most("first", 0.5, 1, " s"), serving.figure("second", 3), serving.at_most("third", 2, 1)]
    assert serving.verdict(checks) == 6
    assert serving.verdict(checks[:2]) == 0
    assert serving.table(checks).splitlines() == [
        "what   | goal   | measured | met",
        "-------+--------+----------+----",
        "first  | <= 1 s | 0.5 s    | yes",
        "second |        | 3        |",
        "third  | <= 1   | 2        | NO",
    ]


def test_the_end_of_an_answer_is_found_in_whatever_pieces_it_comes(script: Any) -> None:
    complete = script("serving").complete
    answer = b"HTTP/1.1 200 OK\r\nX: content-length: 9\r\ncontent-length: 5\r\n\r\nhello"
    assert [complete(answer[:end]) for end in range(len(answer))] == [0] * len(answer)
    assert complete(answer) == len(answer)
    assert complete(answer + b"HTTP/1.1 404") == len(answer)
    bare = b"HTTP/1.1 302 Found\r\n\r\n"
    assert complete(bare) == len(bare)


def _answering(pieces: list[bytes]) -> tuple[str, int]:
    """A server for one connection, which sends these pieces and closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        taken, _ = listener.accept()
        with listener, taken:
            taken.recv(65_536)
            for piece in pieces:
                taken.sendall(piece)

    threading.Thread(target=serve, daemon=True).start()
    address: tuple[str, int] = listener.getsockname()
    return address


def test_a_connection_tells_answers_apart_and_says_when_one_is_cut_off(script: Any) -> None:
    serving = script("serving")
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    address = _answering([head[:10], head[10:] + b"a", b"b" + head + b"cd" + head + b"e"])
    with serving.Connection(address, 10) as kept:
        assert kept.ask(serving.get("/"))[::2] == (200, b"ab")
        assert kept.receive().body == b"cd"
        with pytest.raises(serving.NoAnswerError) as cut:
            kept.receive()
    assert cut.value.begun
    with (
        serving.Connection(_answering([]), 10) as kept,
        pytest.raises(serving.NoAnswerError) as nothing,
    ):
        kept.ask(serving.get("/"))
    assert not nothing.value.begun


def test_goodput_counts_only_what_came_while_the_load_lasted(script: Any) -> None:
    counted = script("serve_overload").Counted(seconds=2.0, ends=[0.5, 1.0, 1.9, 2.1], server_cpu=1.0, client_cpu=0.5)
    counted.latencies[200] = [0.1] * 4
    counted.latencies[429] = [0.01, 0.02]
    counted.latencies[503] = [0.03]
    counted.latencies[504] = [10.0]
    assert counted.goodput == 1.5
    assert counted.per_cpu_second == 2.0
    assert counted.refusals() == [0.01, 0.02, 0.03]
    assert counted.server_errors() == 1


def test_every_bare_call_has_a_call_over_http_beside_it(script: Any) -> None:
    asked: list[tuple[str, str]] = []
    calls = [lambda text: asked.append(("bare", text)), lambda text: asked.append(("http", text))]
    texts = [str(number) for number in range(50)]
    bare, http = script("serve_latency").in_turns(calls, texts, 0.0, random.Random(0))
    assert (len(bare), len(http)) == (50, 50)
    assert [text for _, text in asked] == [text for text in texts for _ in range(2)]
    assert {way for way, _ in asked[::2]} == {"bare", "http"}  # either goes first at times


def test_texts_of_all_lengths_have_exactly_the_length_asked_for(script: Any) -> None:
    memory = script("serve_memory")
    randomness = random.Random(0)
    drawn = [memory.lengths(randomness, 20_000) for _ in range(2000)]
    assert (min(drawn), max(drawn) <= 20_000) == (1, True)
    assert sum(length < 100 for length in drawn) > 500
    assert sum(length > 2000 for length in drawn) > 300
    for length in (1, 2, 17, 500):
        assert len(memory.text_of(length, ["a", "fine", "day"], randomness)) == length


def test_a_canary_is_found_in_large_letters_and_in_sixteen_bits(script: Any, tmp_path: Path) -> None:
    canary = script("serve_canary")
    word = canary.canary(random.Random(0))
    assert word == canary.canary(random.Random(0)) != canary.canary(random.Random(1))
    for content in (word.upper().encode(), f"x{word}y".encode("utf-16-le"), b"\x00" + word.encode()):
        assert canary.holds(content, word)
    assert not canary.holds(word[:-1].encode(), word)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "note").write_text(f"... {word} ...")
    (tmp_path / f"{word}.txt").write_text("nothing")
    search = canary.Search(word)
    search.files("here", canary.files_of(tmp_path))
    assert sorted(Path(name).name for name in search.found["here"]) == sorted(["note", f"{word}.txt"])


def test_the_canary_stands_in_every_request(script: Any) -> None:
    canary = script("serve_canary")
    word = canary.canary(random.Random(0))
    for name, (request, _) in canary.endpoints(word).items():
        for number in range(24):
            assert canary.holds(request(number), word), (name, number)


def test_drawn_requests_are_whole_requests_and_the_same_for_one_seed(script: Any) -> None:
    fuzz = script("serve_fuzz")

    def draw() -> dict[str, list[bytes]]:
        found: dict[str, list[bytes]] = {}
        for path, requests in fuzz.BY_ADDRESS.items():
            found[path] = []
            fuzz._draw(requests, 20, 1, found[path].append)
        return found

    first = draw()
    assert first == draw()
    for path, requests in first.items():
        assert len({*requests}) > 5
        for whole in requests:
            head, _, body = whole.partition(b"\r\n\r\n")
            assert head.startswith(f"POST {path.replace(':', '%3A')}".encode())
            assert f"Content-Length: {len(body)}".encode() in head


def test_a_result_for_programs_says_what_it_was_measured_on(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serving = script("serving")
    given = serving.parser("About.\n\nMore.", "less").parse_args(["models/odd", "--json", "--set", "queue=3"])
    assert serving.server_options(given) == ["--set", "queue=3"]
    monkeypatch.setattr(sys, "argv", ["benchmarks/serve_latency.py"])
    assert serving.tell(given, [serving.at_most("a", 2, 1)], {"p50": 2.0}) == 6
    told = json.loads(capsys.readouterr().out)
    assert (told["benchmark"], told["model"], told["settings"]) == ("serve_latency", "odd", ["queue=3"])
    assert told["checks"] == [{"what": "a", "goal": "<= 1", "measured": "2", "met": False}]
    assert told["provenance"]["machine"]["cores"] >= 1
