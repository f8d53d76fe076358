"""The one way in which the documents' tables are written."""

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, rule: str = "---") -> str:
    """A Markdown table; `rule` lays out all columns but the first: ":-:" centred, "--:" to the right."""
    lines = [header, ["---", *[rule] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
