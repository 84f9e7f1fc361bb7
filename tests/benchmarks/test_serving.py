"""The serving benchmarks: their client, requests and counts; and each of them once against a real server."""

import json
import random
import socket
import sys
import threading
from pathlib import Path

import pytest
from benchmarks.serving import bad_requests, canary, client, exactness, latency, overload, sigterm, slow_clients
from benchmarks.serving import memory as serving_memory


def test_the_end_of_an_answer_is_found_in_all_pieces() -> None:
    answer = b"HTTP/1.1 200 OK\r\nX: content-length: 9\r\ncontent-length: 5\r\n\r\nhello"
    for end in range(len(answer)):
        assert client.first_answer(answer[:end]) == (None, answer[:end])
    reply, rest = client.first_answer(answer + b"HTTP/1.1 404")
    assert reply is not None
    assert (reply.status, reply.body, rest) == (200, b"hello", b"HTTP/1.1 404")
    assert client.first_answer(b"HTTP/1.1 302 Found\r\n\r\n")[0] is not None


def _answering(pieces: list[bytes]) -> client.Address:
    """A server for one connection, which sends these pieces and closes."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        taken, _ = listener.accept()
        with listener, taken:
            taken.recv(65_536)
            for piece in pieces:
                taken.sendall(piece)

    threading.Thread(target=serve, daemon=True).start()
    address: client.Address = listener.getsockname()
    return address


def test_a_connection_separates_answers_and_reports_one_that_is_cut_off() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    address = _answering([head[:10], head[10:] + b"a", b"b" + head + b"cd" + head + b"e"])
    with client.Connection(address, 10) as kept:
        assert kept.send(client.get("/"))[::2] == (200, b"ab")
        assert kept.receive().body == b"cd"
        with pytest.raises(client.NoAnswerError) as cut:
            kept.receive()
    assert cut.value.begun
    with client.Connection(_answering([]), 10) as kept, pytest.raises(client.NoAnswerError) as nothing:
        kept.send(client.get("/"))
    assert not nothing.value.begun


def test_a_connection_that_an_answer_closes_is_opened_anew_for_the_next_request() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for body in (b"a", b"b"):
            taken, _ = listener.accept()
            with taken:
                taken.recv(65_536)
                taken.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\n" + body)

    threading.Thread(target=serve, daemon=True).start()
    with listener, client.Connection(listener.getsockname(), 10) as kept:
        assert [kept.send(client.get("/")).body for _ in range(2)] == [b"a", b"b"]


def test_goodput_counts_only_answers_during_the_load() -> None:
    counts = overload.Counts(seconds=2.0, ends=[0.5, 1.0, 1.9, 2.1], server_cpu=1.0, client_cpu=0.5)
    counts.latencies.update({200: [0.1] * 4, 429: [0.01, 0.02], 503: [0.03], 504: [10.0]})
    assert (counts.goodput, counts.per_cpu_second) == (1.5, 2.0)
    assert counts.refusals() == [0.01, 0.02, 0.03]
    assert counts.server_errors() == 1


def test_a_request_is_lost_when_it_was_sent_before_the_signal_or_its_answer_had_begun() -> None:
    unanswered = [(9.0, False, "before"), (11.0, True, "begun"), (11.0, False, "after"), (-1e9, False, "never")]
    seen = sigterm.Round(1.0)
    for _ in range(2):
        seen.count([200, 200, 200, *(sigterm.Unanswered(*one) for one in unanswered)], 10.0)
    assert seen.answered == {200: 6}
    assert [line.rpartition(" ")[2] for line in seen.lost] == ["before", "begun", "never"] * 2
    assert seen.port_closed == 2


def test_texts_have_exactly_their_length_and_all_orders_of_magnitude() -> None:
    randomness = random.Random(0)
    drawn = [serving_memory.length_of(randomness, 20_000) for _ in range(2000)]
    assert (min(drawn), max(drawn) <= 20_000) == (1, True)
    assert sum(length < 100 for length in drawn) > 500
    assert sum(length > 2000 for length in drawn) > 300
    for length in (1, 2, 17, 500):
        assert len(serving_memory.text_of(length, ["a", "fine", "day"], randomness)) == length


def test_a_canary_is_found_in_upper_case_in_utf_16_and_in_file_names(tmp_path: Path) -> None:
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
    assert search.row("here").met is False


def test_the_canary_is_in_every_request() -> None:
    word = canary.canary(random.Random(0))
    for name, (requests, _) in canary.endpoints(word).items():
        for number in range(24):
            assert canary.holds(requests(number), word), (name, number)


def test_spoilt_requests_are_whole_varied_and_repeatable() -> None:
    drawn = [
        [bad_requests.spoilt(randomness) for _ in range(300)] for randomness in (random.Random(1), random.Random(1))
    ]
    assert drawn[0] == drawn[1]
    assert len({*drawn[0]}) > 200
    for whole in drawn[0]:
        head, _, body = whole.partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
    paths = {whole.split()[1].partition(b"?")[0] for whole in drawn[0]}
    assert paths == {
        b"/api/v1/classify",
        b"/v1alpha1/comments%3Aanalyze",
        b"/v1alpha1/comments%3Asuggestscore",
        b"/",
        b"/upload",
    }


def test_raw_bytes_are_repeatable() -> None:
    for kind in bad_requests.RAW:
        assert kind(random.Random(3)) == kind(random.Random(3))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "options"),
    [
        (latency, ("--comments", "3")),
        (exactness, ()),
        (overload, ("--set", "queue=4")),
        (slow_clients, ("--clients", "10")),
        (sigterm, ()),
        (serving_memory, ()),
        (canary, ()),
    ],
    ids=lambda one: one.__name__.rpartition(".")[2] if hasattr(one, "__name__") else "",
)
def test_each_script_measures_a_real_server(
    module: object,
    options: tuple[str, ...],
    tiny_exports: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["script.py", str(tiny_exports / "int8"), "--quick", "--json", *options])
    # At this size times mean nothing, so that their goals may be missed.
    assert module.main() in (0, 6)  # type: ignore[attr-defined]
    content = json.loads(capsys.readouterr().out)
    assert content["figures"].get("model", {"format": "onnx int8"})["format"] == "onnx int8"
    lost = [row for row in content["rows"] if row["limit"] == 0]
    assert [row for row in lost if row["met"] is False] == []
