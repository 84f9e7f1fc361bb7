"""A task of one's own, examples/spam.toml, through every command and page, without a word of the default task."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from retort import runs
from retort.config import ServeSettings
from retort.tasks import read_task
from retort.web.app import create_app
from retort.web.server.models import service_of
from tests.command import QUICK, retort

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[1] / "examples"
TASK, DATA = EXAMPLES / "spam.toml", EXAMPLES / "spam.csv"
ARMS = ("majority", "tfidf", "teacher", "odd", "lora")
# Two messages that TF-IDF puts on their own sides of the threshold.
SPAM = (
    "Double your coins in 48h!!! Send any amount to our wallet and our trading robot returns twice as much, "
    "garanteed, zero risk"
)
HAM = "We changed the password of the wifi, it's on the note on the fridge"
DEFAULT_TASK = re.compile("toxic", re.IGNORECASE)

# Addresses that no page links to.
UNLINKED = (
    "/run/report.html",
    "/api/openapi.json",
    "/api/v1/models",
    "/api/v1/arms",
    "/healthz",
    "/readyz",
    "/metrics",
)


@pytest.fixture(scope="module")
def run(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole run on spam.csv, with the odd student exported."""
    folder = tmp_path_factory.mktemp("spam") / "run"
    epochs = ("teacher.epochs=1", "student.epochs=1", "lora_training.epochs=1")
    changes = (f"arms=[{','.join(ARMS)}]", "max_length=64", *epochs)
    quick = (*QUICK, *(word for change in changes for word in ("--set", change)))
    printed = retort_in_own_words(
        "compare", "--task", TASK, "--data", DATA, "--base", tiny_bert, "--out", folder, *quick
    )
    assert "spam" in printed
    retort_in_own_words("export", folder / "odd")
    return folder


@pytest.fixture(scope="module")
def client(run: Path) -> FlaskClient:
    settings = ServeSettings()
    service = service_of(run, settings)
    service.start()
    assert service.state == "ready"
    return create_app(service, settings).test_client()


def retort_in_own_words(*arguments: str | Path) -> str:
    """A command that must succeed without a word of the default task; returns its stdout."""
    ended = retort(*arguments)
    assert ended.code == 0, ended.err
    assert_own_words(ended.out + ended.err, arguments[0])
    return ended.out


def messages() -> list[dict[str, str]]:
    with DATA.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_own_words(text: str, source: object) -> None:
    """Raises AssertionError when a word of the default task occurs; `source` says where."""
    found = DEFAULT_TASK.search(text)
    assert found is None, f"{source}: {text[max(found.start() - 80, 0) : found.end() + 80]!r}"


# --- the example itself ---


def test_the_task_has_two_labels_and_words_of_its_own() -> None:
    task = read_task(TASK)
    assert (task.name, task.primary, task.names, task.label_threshold) == ("spam", "spam", ("spam", "scam"), 0.5)
    assert task.words == {"positive": "Spam", "negative": "Not spam", "unsure": "Unsure"}
    assert task.keys == {"positive": "spam", "negative": "not-spam", "unsure": "unsure"}
    assert task.perspective_names == {}


def test_the_messages_differ_and_the_task_knows_every_column() -> None:
    rows, headers = messages(), read_task(TASK).headers
    assert len(rows) == len({" ".join(row["message"].casefold().split()) for row in rows}) == 120
    assert [next(name for name, known in headers.items() if header in known) for header in rows[0]] == [
        "text", "spam", "scam",
    ]  # fmt: skip
    assert all(3 <= len(row["message"].split()) <= 60 for row in rows)


def test_every_scam_is_spam_and_both_labels_have_enough_rows_to_be_learnt() -> None:
    labels = [(row["spam"], row["scam"]) for row in messages()]
    assert {label: labels.count(label) for label in set(labels)} == {("0", "0"): 66, ("1", "0"): 26, ("1", "1"): 28}


def test_every_address_in_the_messages_is_one_reserved_for_examples() -> None:
    hosts = [host for row in messages() for host in re.findall(r"[\w-]+(?:\.[a-z][\w-]*)+", row["message"])]
    assert len(hosts) > 10
    assert all(re.search(r"(^|\.)example\.(com|org)$", host) for host in hosts), hosts


# --- on the command line ---


def test_compare_learns_both_labels_and_records_the_task(run: Path) -> None:
    comparison = json.loads((run / runs.COMPARISON).read_text("utf-8"))
    assert tuple(comparison["arms"]) == ARMS
    assert (comparison["attributes"], comparison["primary"]) == (["spam", "scam"], "spam")
    assert comparison["task"] == read_task(TASK).as_dict()
    assert (run / runs.REPORT).is_file()


def test_predict_answers_in_the_words_of_the_task(run: Path) -> None:
    model = ("--model", run / "tfidf")
    lines = retort_in_own_words("predict", *model, SPAM, HAM).splitlines()
    assert [re.split(r"  +", line)[0] for line in lines] == ["Spam", "Not spam"]

    answers = [json.loads(line) for line in retort_in_own_words("predict", *model, "--json", SPAM, HAM).splitlines()]
    assert [answer["verdict"] for answer in answers] == ["spam", "not-spam"]
    assert list(answers[0]["probabilities"]) == ["spam", "scam"]


def test_score_writes_the_labels_and_keys_of_the_task(run: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "messages.csv", tmp_path / "scores.csv"
    source.write_text(f'message\n"{SPAM}"\n"{HAM}"\n', "utf-8")
    for model in ("tfidf", "odd/onnx"):
        out.unlink(missing_ok=True)
        retort_in_own_words("score", source, out, "--model", run / model)
        with out.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["id", "spam", "scam", "verdict"]
        assert {row["verdict"] for row in rows} <= {"spam", "not-spam", "unsure"}
        if model == "tfidf":
            assert [row["verdict"] for row in rows] == ["spam", "not-spam"]


def test_evaluate_finds_the_columns_by_the_task_of_the_model(run: Path) -> None:
    model = ("--model", run / "odd", "--data", DATA)
    found = json.loads(retort_in_own_words("evaluate", *model, "--json"))
    assert found["rows"] == 120
    assert list(found["test"]) == ["spam", "scam"]
    assert "spam" in retort_in_own_words("evaluate", *model)


# --- over HTTP ---


def test_the_page_judges_in_the_words_of_the_task(client: FlaskClient) -> None:
    for threshold, word in (("0", "Spam"), ("1", "Not spam")):
        answer = client.post("/", data={"text": SPAM, "model": "odd", "threshold": threshold})
        assert answer.status_code == 200
        assert f"<title>{word} – Retort</title>" in answer.text
        assert_own_words(answer.text, f"POST / with threshold {threshold}")


def test_an_uploaded_file_comes_back_with_labels_and_keys_of_the_task(client: FlaskClient) -> None:
    for extra in ({}, {"download": "1"}):
        with DATA.open("rb") as file:
            answer = client.post("/upload", data={"text": "", "model": "tfidf", "file": (file, "spam.csv")} | extra)
        assert answer.status_code == 200
        assert_own_words(answer.text, f"POST /upload {extra}")
    header, *rows = csv.reader(answer.text.removeprefix("\ufeff").splitlines())
    assert {"spam", "scam", "verdict"} <= set(header)
    assert {row[header.index("verdict")] for row in rows} <= {"spam", "not-spam", "unsure"}


def test_the_json_api_answers_with_the_keys_of_the_task(client: FlaskClient) -> None:
    answer = client.post("/api/v1/classify", json={"texts": [SPAM, HAM], "model": "tfidf", "explain": True})
    assert answer.status_code == 200
    assert [result["verdict"] for result in answer.get_json()["results"]] == ["spam", "not-spam"]
    assert list(answer.get_json()["results"][0]["probabilities"]) == ["spam", "scam"]
    assert_own_words(answer.text, "POST /api/v1/classify")


def test_perspective_routes_do_not_exist_and_are_not_documented(client: FlaskClient) -> None:
    question = {"comment": {"text": SPAM}, "requestedAttributes": {"SPAM": {}}}
    for answer in (
        client.post("/v1alpha1/comments:analyze", json=question),
        client.post("/v1alpha1/comments:suggestscore", json=question),
        client.get("/$discovery/rest?version=v1alpha1"),
    ):
        assert answer.status_code == 404
        assert_own_words(answer.text, answer.request.path)
    assert not [path for path in client.get("/api/openapi.json").get_json()["paths"] if "v1alpha1" in path]


# --- no word of the default task, anywhere ---


def test_no_page_contains_a_word_of_the_default_task(client: FlaskClient) -> None:
    bodies = dict(linked_from(client, "/", *UNLINKED))
    assert {"/run", "/run/card/odd", "/api/docs"} <= set(bodies)
    for path, body in bodies.items():
        assert_own_words(path + body, f"GET {path}")


def linked_from(client: FlaskClient, *paths: str) -> Iterator[tuple[str, str]]:
    """(path, body) of the given paths and of all local pages, plots and styles that are linked from them."""
    waiting, seen = list(paths), set(paths)
    while waiting:
        path = waiting.pop()
        answer = client.get(path)
        assert answer.status_code == 200, path
        yield path, answer.data.decode("latin-1" if answer.mimetype == "image/png" else "utf-8")
        if answer.mimetype != "text/html" or path == "/run/report.html":
            continue
        for link in re.findall(r'(?:href|src)="([^"]+)"', answer.text):
            target = urlsplit(urljoin(f"http://localhost{path}", link))
            if target.netloc == "localhost" and target.path not in seen:
                seen.add(target.path)
                waiting.append(target.path)


def test_no_file_of_the_run_contains_a_word_of_the_default_task(run: Path) -> None:
    files = [path for path in run.rglob("*") if path.is_file()]
    assert {".json", ".jsonl", ".md", ".html", ".svg", ".toml", ".parquet", ".onnx"} <= {f.suffix for f in files}
    for path in files:
        name = str(path.relative_to(run))
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            content = f"{table.schema} {table.to_pydict()}"
        else:
            # Every byte is one character, so that names in weights and graphs are found too.
            content = path.read_bytes().decode("latin-1")
        assert_own_words(name + content, name)
