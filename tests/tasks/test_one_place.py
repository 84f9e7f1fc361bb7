"""The task is in one place: no other file of the package spells what is judged."""

import re
from pathlib import Path

import retort
from retort.recipes.arms import all_kinds
from retort.tasks import default_task

PACKAGE = Path(retort.__file__).parent
SOURCES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for ending in ("py", "html", "j2", "js", "css")
    for path in PACKAGE.rglob(f"*.{ending}")
)
# The routes of the Perspective API are that API's, names and all.
OF_ANOTHER_API = "web/perspective/"


def test_no_other_file_spells_a_label_or_the_words_of_its_verdict() -> None:
    task = default_task()
    # A title of one everyday word ("threat") would be no proof of anything in prose; as a name it would be quoted.
    names = [name for name in task.names if name not in ("insult", "threat", "obscene")]
    words = "|".join([*map(re.escape, (*names, *task.keys.values())), '"(?:insult|threat|obscene)"', "toxic"])
    spelt = re.compile(words.replace("|unsure", ""), re.IGNORECASE)
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in SOURCES
        if not name.startswith(OF_ANOTHER_API)
        for number, line in enumerate((PACKAGE / name).read_text("utf-8").splitlines(), 1)
        if spelt.search(line)
    ]
    assert not found


def test_no_file_outside_the_arms_asks_for_the_kind_of_one() -> None:
    kinds = "|".join(all_kinds())
    asks = re.compile(rf"""kind["']?[\])]* *(==|!=|in) *[\[("']+({kinds})""")
    found = [
        name
        for name in SOURCES
        if not name.startswith("recipes/arms/") and asks.search((PACKAGE / name).read_text("utf-8"))
    ]
    assert not found
    assert asks.search('if facts.get("kind") == "lora":')
