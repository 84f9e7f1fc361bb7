"""The audit's own suite: what a comment classifier should and should not flag; README.md in this folder is its card."""

from importlib import resources
from typing import Any

import pandas as pd

from retort.identity_terms import fill, identity_terms
from retort.strict import read_toml


def read_box_suite() -> pd.DataFrame:
    """The cases, always the same, the written ones first.

    Columns: `id`, `functionality` (what the case tests), `text`, `group` ("" where nobody's identity is named),
    `source` ("written" or "template"), `template` (its id, "" for written cases), and the labels: 1.0, 0.0, or NaN
    where a label does not follow from the sentence.
    """
    with resources.as_file(resources.files("retort.data").joinpath("box_suite", "written.csv")) as path:
        written = pd.read_csv(path, dtype=str, keep_default_na=False)
    labels = [name for name in written.columns if name not in _WORDS]
    written[labels] = written[labels].replace("", None).astype(float)
    filled = pd.DataFrame(_from_templates(), columns=written.columns)
    return pd.concat([written, filled.astype(dict.fromkeys(labels, float))], ignore_index=True)


# The columns that are no label.
_WORDS = ("id", "functionality", "text", "group", "source", "template")


def _from_templates() -> list[dict[str, Any]]:
    with resources.as_file(resources.files("retort.data").joinpath("box_suite", "templates.toml")) as path:
        content = read_toml(path, "install the package again")
    by_singular = {term.singular: term for term in identity_terms()}
    return [
        {
            "id": f"template-{template['id']}-{name.casefold().replace(' ', '-')}",
            "functionality": template["functionality"],
            "text": fill(template["text"], by_singular[name]),
            "group": by_singular[name].group,
            "source": "template",
            "template": template["id"],
            **template["labels"],
        }
        for template in content["templates"]
        for name in content["terms"]
    ]
