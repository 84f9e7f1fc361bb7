"""A server whose task is spam: all its words are those of the task, and none those of the one that ships."""

import csv
import io
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from retort.config import ServeSettings
from retort.errors import ConfigError
from retort.web.app import create_app
from retort.web.pages import routes
from retort.web.server.models import service_of
from retort.web.server.service import Service
from tests.web.conftest import SPAM
from tests.web.elements import Page
from tests.web.folders import write_word_run

SPAMMING = "win money now, more money"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    """A started service of a spam run on disk."""
    found = service_of(write_word_run(tmp_path_factory.mktemp("runs") / "spam", SPAM), ServeSettings())
    found.start()
    return found


@pytest.fixture
def client(service: Service) -> FlaskClient:
    return create_app(service).test_client()


def test_nothing_that_is_served_has_a_word_of_the_task_that_ships(client: FlaskClient) -> None:
    texts = [SPAMMING, "a lovely garden", "qwertz", ""]
    file = "message\n" + "\n".join(f'"{text}"' for text in texts)
    answers = [client.post("/", data={"text": text}) for text in texts]
    answers += [client.post("/", data={"text": SPAMMING, "threshold": "0.9", "own_threshold": "0.5"})]
    answers += [client.post("/upload", data={"file": (io.BytesIO(file.encode()), "a.csv")})]
    answers += [client.post("/upload", data={"file": (io.BytesIO(file.encode()), "a.csv"), "download": "1"})]
    answers += [client.post("/upload", data={"file": (io.BytesIO(b"a,b\n"), "a.csv")})]
    answers += [client.post("/api/v1/classify", json={"texts": texts[:3], "explain": True})]
    answers += [client.post("/api/v1/classify", json={"texts": texts, "model": "odd"})]
    rules = [rule.rule for rule in client.application.url_map.iter_rules() if "<" not in rule.rule]
    static = [f"/static/{path.name}" for path in routes.STATIC.iterdir()]
    answers += [client.get(address) for address in [*rules, *static, "/run/card/words", "/nothing"]]
    for answer in answers:
        content = answer.get_data(as_text=True).casefold()
        assert "toxic" not in content, answer.request.path


def test_the_page_takes_its_words_from_the_task(client: FlaskClient) -> None:
    page = Page(client.post("/", data={"text": SPAMMING}).text)
    section = page.one(id="verdict")
    assert page.one("h1").text == "Is this comment spam?"
    assert section.attributes["data-verdict"] == "positive"
    assert (section.attributes["data-positive"], section.attributes["data-negative"]) == ("Spam", "Not spam")
    assert page.one("title").text == "Spam – Retort"
    assert "promises of money" in page.one("table", class_="bars").words
    note = page.one("aside").words
    assert "Spam means: It advertises something that nobody asked for." in note
    assert "of the spam comments were found" in note
    assert "group" not in note  # the task has no identities
    fine = Page(client.post("/", data={"text": "a lovely garden"}).text)
    assert fine.one("h2", id="word").text == "Not spam"


def test_programs_read_the_keys_of_the_task(client: FlaskClient) -> None:
    results = client.post("/api/v1/classify", json={"texts": [SPAMMING, "a lovely garden"]}).get_json()["results"]
    assert [result["verdict"] for result in results] == ["spam", "not-spam"]
    assert set(results[0]["probabilities"]) == {"spam", "money_bait"}
    schemas = client.get("/api/openapi.json").get_json()["components"]["schemas"]
    assert schemas["Result"]["properties"]["verdict"]["enum"] == ["spam", "not-spam", "unsure"]
    assert 'retort_texts_total{model="words",verdict="not-spam"}' in client.get("/metrics").text


def test_a_file_is_read_and_written_by_the_headers_and_labels_of_the_task(client: FlaskClient) -> None:
    # `comment_text` is a header of another task.
    for header, status in (("message", 200), ("TEXT", 200), ("comment_text", 422)):
        file = (io.BytesIO(f'{header}\n"{SPAMMING}"\n'.encode()), "a.csv")
        answer = client.post("/upload", data={"file": file, "download": "1"})
        assert answer.status_code == status
        if status == 200:
            (row,) = csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig")))
            assert list(row) == ["id", "text", "verdict", "spam", "money_bait", "note"]
            assert row["verdict"] == "spam"


def test_before_a_model_is_loaded_the_page_has_the_task_of_the_folder(tmp_path: Path) -> None:
    run = write_word_run(tmp_path / "run", SPAM)
    for folder in (run, run / "words"):
        answer = create_app(service_of(folder, ServeSettings())).test_client().get("/")
        assert answer.status_code == 503
        assert Page(answer.text).one("h1").text == "Is this comment spam?"


def test_without_names_in_the_perspective_api_its_addresses_do_not_exist(client: FlaskClient) -> None:
    for answer in (client.post("/v1alpha1/comments:analyze", json={}), client.get("/$discovery/rest")):
        assert (answer.status_code, answer.mimetype) == (404, "application/json")
    assert not [path for path in client.get("/api/openapi.json").get_json()["paths"] if "alpha" in path or "$" in path]


@pytest.mark.parametrize("given", [{"keys": ("a",)}, {"feedback_file": Path("f")}, {"calibrated": True}])
def test_a_setting_for_these_addresses_is_refused_instead_of_ignored(
    service: Service, given: dict[str, object]
) -> None:
    with pytest.raises(ConfigError, match=r"is for /v1alpha1.*'spam' has none"):
        create_app(service, ServeSettings.model_validate(given))
