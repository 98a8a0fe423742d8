"""The fenced blocks of the documents, and what the comment above each says of it.

A comment in the line above a fence, which readers do not see:

- ``<!-- file: examples/publish.py -->``: the block is that file of docs/, word for word (``make docs-reference``).
- ``<!-- not run: why -->``: it is shown and not run, and why.
- ``<!-- prints -->``: it is what the block before prints; ``…`` stands for anything within a line or for lines.

``python -m tests.documents.blocks`` writes the quoted files into the documents anew.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md")])
"""What a user or a contributor reads from top to bottom."""

_FENCE = re.compile(
    r"^(?:<!-- (?P<mark>file|not run|prints)(?:: (?P<said>[^\n]+?))? -->\n)?"
    r"```(?P<language>[a-z]*)[ ]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A fenced block: where it stands, what is in it, what is said of it."""

    document: Path
    line: int
    language: str
    text: str
    mark: str | None
    said: str | None

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}"


def blocks(document: Path) -> Iterator[Block]:
    """Give a document's blocks in their order."""
    whole = document.read_text(encoding="utf-8")
    for match in _FENCE.finditer(whole):
        line = whole.count("\n", 0, match.start("text"))
        yield Block(document, line, match["language"], match["text"], match["mark"], match["said"])


def quoted(document: Path) -> str:
    """Return a document with the files that it quotes as they are now."""

    def anew(match: re.Match[str]) -> str:
        if match["mark"] != "file":
            return match[0]
        start, end = (position - match.start() for position in match.span("text"))
        return match[0][:start] + (DOCS / match["said"]).read_text(encoding="utf-8") + match[0][end:]

    return _FENCE.sub(anew, document.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for path in DOCUMENTS:
        path.write_text(quoted(path), encoding="utf-8")
