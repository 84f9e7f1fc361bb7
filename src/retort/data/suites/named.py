"""Any file with a text and a label, under known headers or as `--column NAME=HEADER` names them."""

from retort.data.suites import COLUMNS, LABEL, Layout

LAYOUT = Layout(
    title="labelled texts",
    headers={name: (name,) for name in COLUMNS} | {LABEL: ("label", "label_gold")},
    by_task=True,
    rated=True,
)
