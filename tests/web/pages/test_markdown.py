"""Markdown from a folder that someone downloaded: what it may become on our page, and what stays text."""

import pytest

from retort.web.pages.markdown import plots, rendered


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "<details onclick=alert(1)>",
        "<sub style='x'>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,hello)",
        "![x](https://elsewhere.example/pixel.png)",
        "![x](plots/../secret.svg)",
        "<style>p { color: red }</style>",
        "<!-- <b> -->",
    ],
)
def test_foreign_markup_stays_text(source: str) -> None:
    html = rendered(source, "")
    for tag in ("<script", "<img", "<style", "<a ", "<details", "<sub", "<!--"):
        assert tag not in html


def test_what_the_report_uses_comes_through() -> None:
    html = rendered("<details><summary>More <b></summary>\n\na<br><sub>b</sub><sup>1</sup>\n\n</details>\n", "")
    assert html.startswith("<details><summary>More &lt;b&gt;</summary>")
    assert "a<br><sub>b</sub><sup>1</sup>" in html
    assert "</details>" in html


def test_plots_are_pictures_for_light_and_dark_below_the_root() -> None:
    html = rendered('![A "plot" <x>](plots/learning-curves.svg)', "/retort")
    assert 'srcset="/retort/run/plots/learning-curves-dark.png"' in html
    assert 'src="/retort/run/plots/learning-curves.png" alt="Plot: A &#34;plot&#34; &lt;x&gt;"' in html
    assert plots("![a](plots/one.svg) ![b](plots/two.svg) ![c](plots/THREE.svg)") == ["one", "two"]


def test_tables_scroll_on_their_own_and_align_without_a_style() -> None:
    html = rendered("| a | b |\n| :--- | ---: |\n| 1 | 2 |\n", "")
    assert html.startswith('<div class="scroll" tabindex="0" role="region" aria-label="Table 1"><table>')
    assert '<th scope="col">a</th>\n<th scope="col" class="n">b</th>' in html
    assert '<td class="n">2</td>' in html
    assert "style" not in html


def test_headings_are_one_level_lower_and_front_matter_is_left_out() -> None:
    html = rendered("---\ntags: [x]\n---\n# One\n\n###### Six\n", "")
    assert "tags" not in html
    assert "<h2>One</h2>" in html
    assert "<h6>Six</h6>" in html


def test_code_is_text_that_the_keyboard_can_scroll() -> None:
    html = rendered('```python"><b>\nx < "<i>"\n```\n', "")
    assert html == '<pre tabindex="0"><code>x &lt; &#34;&lt;i&gt;&#34;\n</code></pre>\n'
