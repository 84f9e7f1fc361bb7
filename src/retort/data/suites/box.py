"""The suite that comes with the package, data/box_suite/cases.csv: it has a column for each label of the task."""

from retort.data.suites import FUNCTIONALITY, GROUP, ID, LABEL, SOURCE, TEMPLATE, TEXT, Layout

LAYOUT = Layout(
    title="written cases and templates",
    headers={
        TEXT: ("text",),
        FUNCTIONALITY: ("functionality",),
        GROUP: ("group",),
        TEMPLATE: ("template",),
        SOURCE: ("source",),
        ID: ("id",),
    },
    needed=(TEXT, LABEL, FUNCTIONALITY, GROUP, SOURCE, TEMPLATE),
    rated=True,
)
