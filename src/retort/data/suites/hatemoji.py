"""HatemojiCheck (Kirk et al. 2022, arXiv:2108.05921)."""

from retort.data.suites import FUNCTIONALITY, GROUP, ID, LABEL, SOURCE, TEMPLATE, TEXT, Layout

LAYOUT = Layout(
    title="HatemojiCheck",
    headers={
        TEXT: ("text",),
        LABEL: ("label_gold",),
        FUNCTIONALITY: ("functionality",),
        GROUP: ("target",),
        TEMPLATE: ("templ_id",),
        SOURCE: ("set",),
        ID: ("case_id",),
    },
    needed=(TEXT, LABEL, FUNCTIONALITY, GROUP),
)
