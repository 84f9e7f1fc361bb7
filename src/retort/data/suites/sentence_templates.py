"""Jigsaw's sentences made from templates (Dixon et al. 2018, doi:10.1145/3278721.3278729): `phrase` is the text."""

from retort.data.suites import FUNCTIONALITY, LABEL, TEMPLATE, TEXT, Layout

LAYOUT = Layout(
    title="Jigsaw's sentence templates",
    headers={TEXT: ("phrase",), FUNCTIONALITY: ("template",), TEMPLATE: ("template",)},
    needed=(TEXT, LABEL, TEMPLATE),
    group_from_text=True,
)
