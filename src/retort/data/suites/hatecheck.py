"""HateCheck (Röttger et al. 2021, arXiv:2012.15606), and its translations, which have the same headers."""

from retort.data.suites import DIRECTION, FUNCTIONALITY, GROUP, ID, LABEL, TEMPLATE, TEXT, Layout

LAYOUT = Layout(
    title="HateCheck",
    headers={
        TEXT: ("test_case",),
        LABEL: ("label_gold",),
        FUNCTIONALITY: ("functionality",),
        GROUP: ("target_ident",),
        DIRECTION: ("direction",),
        TEMPLATE: ("templ_id",),
        ID: ("case_id",),
    },
    needed=(TEXT, LABEL, FUNCTIONALITY),
)
