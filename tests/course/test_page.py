"""What a notebook shows beside its cells."""

from kd_teach.course import answer


def test_an_answer_is_folded_and_says_its_text():
    shown = answer(f"""
        It shrank **{83.2:.0f} times**:
        not 256.
        """)
    assert repr(shown) == "It shrank **83 times**:\nnot 256."
    folded = shown._repr_markdown_()
    assert folded.startswith("<details><summary>") and folded.endswith("</details>")
    assert f"\n\n{shown!r}\n\n" in folded  # Markdown inside HTML needs empty lines around it
