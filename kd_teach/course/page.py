"""What a notebook's page shows beside its cells."""

from textwrap import dedent


class answer:
    """A text that opens at a click, with the numbers of the run itself: `answer(f"It shrank {ratio:.0f} times.")`."""

    def __init__(self, text: str) -> None:
        self.text = dedent(text).strip()

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return f"<details><summary><b>Answer</b></summary>\n\n{self.text}\n\n</details>"
