"""A page as its elements, for tests that look at what a browser would be given."""

import html.parser
from dataclasses import dataclass, field

_VOID = {"meta", "link", "input", "img", "br", "source"}

# A reader sees a gap before these.
_APART = {"td", "th", "li", "dd", "p"}


@dataclass
class Element:
    """A start tag with its attributes, and all text inside of it."""

    tag: str
    attributes: dict[str, str]
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    @property
    def words(self) -> str:
        """The text with its spaces as a reader sees them."""
        return " ".join(self.text.split())


class Page(html.parser.HTMLParser):
    """All elements of a document, in its order."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.all: list[Element] = []
        self._open: list[Element] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.all.append(element)
        if tag in _APART:
            self.handle_data(" ")
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.all.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.pieces.append(data)

    def find(self, tag: str = "", **wanted: str) -> list[Element]:
        """Elements of a tag with these attributes; `class_` is one of an element's classes."""
        return [e for e in self.all if (not tag or e.tag == tag) and all(_has(e, k, v) for k, v in wanted.items())]

    def one(self, tag: str = "", **wanted: str) -> Element:
        (found,) = self.find(tag, **wanted)
        return found


def _has(element: Element, name: str, value: str) -> bool:
    if name == "class_":
        return value in element.attributes.get("class", "").split()
    return element.attributes.get(name.replace("_", "-")) == value
