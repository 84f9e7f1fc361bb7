"""The hub is read row by row at one commit, and its absence is reported within seconds. No test leaves the machine."""

import hashlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retort.data import hub_files

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ID = "someone/some_comments"


def parquet(path: Path, first: int, rows: int, group: int = 100) -> None:
    """Rows first to first + rows - 1; every tenth text repeats the one before, row 33 is blank."""
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = range(first, first + rows)
    # Padded with what cannot be compressed, so that a row group has some size.
    noise = np.random.default_rng(first).integers(33, 120, (rows, 2000), dtype=np.uint8)
    texts = [
        " " if n == 33 else f"comment {n - 1 if n % 10 == 9 else n} " + ("" if n % 10 >= 8 else bytes(pad).decode())
        for n, pad in zip(numbers, noise, strict=True)
    ]
    ratings = pa.array([n % 3 / 2 for n in numbers], pa.float32())
    columns = {"text": texts, "toxicity": ratings, "insult": ratings, "unused": [bytes(pad) for pad in noise]}
    pq.write_table(pa.table(columns), path, row_group_size=group)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a data set as they lie on the hub."""
    folder = tmp_path_factory.mktemp("hub")
    parquet(folder / "data/train-00000-of-00002.parquet", 0, 3000)
    parquet(folder / "data/train-00001-of-00002.parquet", 3000, 2000)
    parquet(folder / "data/validation-00000-of-00001.parquet", 10_000, 200)
    parquet(folder / "data/test-00000-of-00001.parquet", 20_000, 200)
    (folder / "README.md").write_text("---\n---\n")
    return folder


class Hub(ThreadingHTTPServer):
    """What huggingface_hub asks of the hub for a data set, from a folder; keeps a record of the bytes sent."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.folder = folder
        self.sent: list[tuple[str, int]] = []
        self.unknown: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class HubHandler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if "/paths-info/" not in self.path:
            self.refuse()
            return
        paths = (
            json.loads(body)["paths"]
            if body.startswith("{")
            else [v for _, v in _form(body) if v not in ("True", "False")]
        )
        self.answer_json([self.entry(path) for path in paths if (self.server.folder / path).is_file()])

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].replace("%2F", "/")
        if path == "/":
            self.answer(200, b"hub")
        elif re.fullmatch(rf"/api/datasets/{ID}(/revision/({COMMIT}|main))?", path):
            siblings = [
                {"rfilename": e["path"], "size": e["size"], "blobId": e["oid"], "lfs": None} for e in self.entries()
            ]
            self.answer_json(
                {"id": ID, "sha": COMMIT, "private": False, "tags": [], "downloads": 0, "siblings": siblings}
            )
        elif re.fullmatch(rf"/api/datasets/{ID}/tree/{COMMIT}(/.*)?", path):
            self.answer_json(self.entries())
        elif match := re.fullmatch(rf"/datasets/{ID}/resolve/{COMMIT}/(.*)", path):
            self.answer_file(match[1])
        else:
            self.refuse()

    def entry(self, path: str) -> dict[str, Any]:
        size = (self.server.folder / path).stat().st_size
        return {"type": "file", "path": path, "size": size, "oid": hashlib.sha1(path.encode()).hexdigest()}

    def entries(self) -> list[dict[str, Any]]:
        folder = self.server.folder
        return [self.entry(p.relative_to(folder).as_posix()) for p in sorted(folder.rglob("*")) if p.is_file()]

    def answer_file(self, name: str) -> None:
        content = (self.server.folder / name).read_bytes()
        headers = {"ETag": f'"{self.entry(name)["oid"]}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        status = 200
        if asked := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or ""):
            begin, end = int(asked[1]), min(int(asked[2] or len(content) - 1), len(content) - 1)
            headers["Content-Range"] = f"bytes {begin}-{end}/{len(content)}"
            content, status = content[begin : end + 1], 206
        if self.command == "GET":
            self.server.sent.append((name, len(content)))
        self.answer(status, content, headers)

    def answer_json(self, content: Any) -> None:
        self.answer(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def refuse(self) -> None:
        self.server.unknown.append(f"{self.command} {self.path}")
        self.answer(404, b"")

    def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def _form(body: str) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

    return parse_qsl(body)


@pytest.fixture
def server(files: Path) -> Iterator[Hub]:
    with Hub(files) as hub_server:
        threading.Thread(target=hub_server.serve_forever, daemon=True).start()
        yield hub_server
        hub_server.shutdown()


READING = """
import json, sys, time
from retort.data.hub import read_hub
from retort.errors import RetortError
from retort.data import hub
from retort.tasks import default_task
hub_id, revision, readings = json.loads(sys.argv[1])
answers = []
for options in readings:
    hub.REQUEST_BYTES = options.pop("request_bytes", hub.REQUEST_BYTES)
    begin = time.perf_counter()
    try:
        comments = read_hub(hub_id, revision, default_task(), {}, **options)
        answer = {"frame": comments.frame.drop(columns="text").to_dict("list"), "report": comments.report.as_dict(),
                  "numbers": [int(text.split()[1]) for text in comments.frame["text"]],
                  "attributes": comments.attributes}
    except RetortError as error:
        answer = {"error": str(error), "kind": type(error).__name__}
    answers.append(answer | {"seconds": time.perf_counter() - begin})
print(json.dumps(answers))
"""


def read_all(
    home: Path, endpoint: str, *readings: dict[str, Any], revision: str | None = COMMIT, offline: bool = False
) -> list[dict[str, Any]]:
    """`read_hub` for each of the options, in a process of its own: huggingface_hub reads its variables at import."""
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": str(int(offline))}
    environment |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    whole = [{"comments": None, "seed": 0, "official_splits": False} | options for options in readings]
    call = [sys.executable, "-c", READING, json.dumps([ID, revision, whole])]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def read_once(
    home: Path, endpoint: str, revision: str | None = COMMIT, offline: bool = False, **options: Any
) -> dict[str, Any]:
    """As `read_all`, for one reading."""
    return read_all(home, endpoint, options, revision=revision, offline=offline)[0]


def closed_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_drawn_rows_are_exactly_as_many_as_asked_and_differ(server: Hub, tmp_path: Path) -> None:
    answer = read_once(tmp_path, server.url, comments=500)
    assert server.unknown == []
    numbers = answer["numbers"]
    assert len(numbers) == len(set(numbers)) == 500
    assert answer["attributes"] == ["toxicity", "insult"]
    # Numbers are those of the rows, but for every tenth text, which repeats the row before.
    rows = [int(i) - 1 for i in answer["frame"]["id"]]
    assert all(n == (row - 1 if row % 10 == 9 else row) for n, row in zip(numbers, rows, strict=True))
    assert all(t == row % 3 / 2 for t, row in zip(answer["frame"]["toxicity"], rows, strict=True))
    report = answer["report"]
    assert report["source"] == f"{ID}@{COMMIT} (train)"
    assert report["rows_read"] == 500 + sum(d["count"] for d in report["dropped"].values())
    assert report["dropped"]["duplicate text"]["count"] > 0
    # Uniform over both files.
    assert 0.5 < np.mean(np.array(rows) < 3000) < 0.7


def test_only_the_needed_row_groups_and_columns_are_fetched(server: Hub, files: Path, tmp_path: Path) -> None:
    answer = read_once(tmp_path, server.url, comments=4, request_bytes=0)
    assert len(answer["numbers"]) == 4
    whole = sum(path.stat().st_size for path in files.rglob("train*"))
    # At most 4 of 50 row groups, half of their columns, and the footers.
    assert sum(size for _, size in server.sent) < 0.15 * whole


def test_files_are_fetched_whole_when_that_costs_no_more(server: Hub, files: Path, tmp_path: Path) -> None:
    answer = read_once(tmp_path, server.url, comments=500)
    assert len(answer["numbers"]) == 500
    sizes = {path.relative_to(files).as_posix(): path.stat().st_size for path in files.rglob("train*")}
    assert sizes.items() <= dict(sorted(server.sent, key=lambda s: s[1])).items()
    # Whole files stay in the cache: the same rows once more, without the hub.
    again = read_once(tmp_path, closed_port(), comments=500, offline=True)
    assert again["numbers"] == answer["numbers"]


def test_the_same_seed_draws_the_same_rows_and_another_seed_others(server: Hub, tmp_path: Path) -> None:
    readings = [{"comments": 50, "seed": seed} for seed in (1, 1, 2)]
    draws = [answer["numbers"] for answer in read_all(tmp_path, server.url, *readings)]
    assert draws[0] == draws[1]
    assert set(draws[0]) != set(draws[2])


def test_official_splits_come_with_all_of_validation_and_test(server: Hub, tmp_path: Path) -> None:
    answer = read_once(tmp_path, server.url, comments=100, official_splits=True)
    splits = answer["frame"]["split"]
    assert [splits.count(name) for name in ("train", "validation", "test")] == [100, 200, 200]
    assert len(set(answer["frame"]["id"])) == 500


def test_without_a_revision_the_commit_is_looked_up_and_recorded(server: Hub, tmp_path: Path) -> None:
    answer = read_once(tmp_path, server.url, revision=None, comments=10)
    assert answer["report"]["source"] == f"{ID}@{COMMIT} (train)"


def test_all_of_train_can_be_read_and_no_more(server: Hub, tmp_path: Path) -> None:
    readings: list[dict[str, Any]] = [{}, {"comments": 6000}, {"comments": 4900}]
    whole, too_many, too_many_different = read_all(tmp_path, server.url, *readings)
    assert len(whole["numbers"]) == 4999
    assert whole["report"]["dropped"] == {"blank text": {"count": 1, "first_rows": [34]}}
    assert whole["frame"]["id"] == [str(row) for row in range(1, 5001) if row != 34]
    assert too_many["kind"] == too_many_different["kind"] == "ConfigError"
    assert re.search(r"6000.* 5000 rows", too_many["error"])
    assert re.search(r"4900.* 4499 usable", too_many_different["error"])


@pytest.mark.parametrize("offline", [False, True])
def test_a_hub_out_of_reach_is_reported_within_five_seconds(tmp_path: Path, offline: bool) -> None:
    answer = read_once(tmp_path, closed_port(), comments=10, offline=offline)
    assert answer["kind"] == "DataError"
    assert answer["seconds"] < 5
    assert "--data FILE" in answer["error"]
    assert "quickstart" in answer["error"]
    assert "\n" not in answer["error"]


def test_a_hub_that_never_answers_is_reported_within_five_seconds(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        answer = read_once(tmp_path, f"http://127.0.0.1:{listener.getsockname()[1]}", comments=10)
    assert answer["kind"] == "DataError"
    assert answer["seconds"] < 5


def test_a_missing_data_set_is_reported(server: Hub, tmp_path: Path) -> None:
    answer = read_once(tmp_path, server.url, revision="f" * 40, comments=10)
    assert answer["kind"] == "DataError"
    assert ID in answer["error"]
    assert "\n" not in answer["error"]


def test_a_split_is_whole_when_all_its_files_are_in_the_cache() -> None:
    names = ["train-00000-of-00002.parquet", "test-00000-of-00001-5c9a.parquet", "validation.parquet"]
    assert hub_files._whole_splits(names) == {"test"}
    assert hub_files._whole_splits([*names, "train-00001-of-00002.parquet"]) == {"train", "test"}


def test_civil_comments_is_pinned_to_a_commit() -> None:
    assert re.fullmatch("[0-9a-f]{40}", hub_files.PINNED["google/civil_comments"])
