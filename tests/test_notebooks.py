"""Committed notebooks are clean, and the checker and cleaner behind that (`tools/run_notebooks.py`) work.

That the notebooks run is nbval's part: see `make test`.
"""

import base64
import io
import re

import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from kd_teach.course import TAUGHT
from kd_teach.course.exercises import get_exercise, list_exercises
from kd_teach.course.exercises.exercise import Exercise, body_of
from tools.run_notebooks import (
    MAX_BYTES,
    NOTEBOOKS,
    WIDGET,
    clean,
    code_cells,
    execute,
    problems,
    quantise,
    run,
    slide_types,
)


def png(image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def opened(picture: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture)))


def photo() -> Image.Image:
    """64 x 64 pixels that need more than 256 colours and do not compress well, as in a photograph."""
    ramp = np.linspace(0, 240, 64, dtype=int)
    colours = np.stack(np.broadcast_arrays(ramp, ramp[:, None], 120), axis=-1)  # (64, 64, 3)
    grain = np.random.default_rng(0).integers(0, 16, colours.shape)
    return Image.fromarray((colours + grain).astype(np.uint8))


def executed(*, widget_id: str = "1f3a", when: str = "2000-01-01T00:00:00") -> NotebookNode:
    """A small notebook as a run leaves it: a picture, a widget shown twice, ids and times of that run."""
    picture = new_output("display_data", {"image/png": png(photo())})
    panel = {"image/png": png(photo())}
    widgets = [new_output("display_data", {WIDGET: {"model_id": widget_id}} | panel) for _ in range(2)]
    cells = [
        new_markdown_cell("# Title", id="a"),
        new_code_cell("show()", id="b", execution_count=1, outputs=[picture]),
        new_code_cell("", id="c"),
        new_code_cell("slider", id="d", execution_count=2, outputs=widgets),
    ]
    cells[1].metadata["execution"] = {"iopub.execute_input": when}
    metadata = {"widgets": {"state": {widget_id: {}}}, "language_info": {"name": "python", "version": when}}
    return new_notebook(cells=cells, metadata=metadata)


def raise_error(notebook):
    notebook.cells[1].outputs.append(new_output("error", ename="ValueError", evalue="no", traceback=[]))


def warn(notebook):
    notebook.cells[1].outputs.append(new_output("stream", name="stderr", text="Warning: soon gone\n"))


def skip_a_cell(notebook):
    notebook.cells[3].execution_count = None


def run_out_of_order(notebook):
    notebook.cells[1].execution_count, notebook.cells[3].execution_count = 2, 1


def remove_pictures(notebook):
    notebook.cells[1].outputs = notebook.cells[3].outputs = [new_output("stream", text="a picture")]


def remove_panel(notebook):
    del notebook.cells[3].outputs[1].data["image/png"]


def keep_widget_state(notebook):
    notebook.metadata["widgets"] = {}


def keep_timestamps(notebook):
    notebook.cells[0].metadata["execution"] = {}


def swell(notebook):
    notebook.cells[0].source = "# " + "x" * MAX_BYTES


def forget_a_slide(notebook):
    notebook.cells[0].metadata.pop("slideshow")


TOPICS = ("start_here", *TAUGHT, "compare", "your_own", "questions")


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_committed_notebook_is_clean(path):
    assert problems(nbformat.read(path, as_version=4)) == []


def about(topic):
    [path] = NOTEBOOKS.glob(f"[0-9][0-9]_{topic}.ipynb")
    return nbformat.read(path, as_version=4)


def tagged(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


@pytest.mark.parametrize("topic", TOPICS)
def test_a_control_stands_beside_what_is_claimed(topic):
    assert tagged(about(topic), "control")


@pytest.mark.parametrize("topic", TOPICS)
def test_every_prediction_is_answered_before_the_next(topic):
    """By a folded text with numbers of the run (an f-string), or by an output that says it in words."""
    waiting = ""
    for cell in about(topic).cells:
        tags = cell.metadata.get("tags", [])
        if "answer" in tags:
            assert cell.metadata.jupyter.source_hidden and re.search(r'answer\(f"""[^"]*{', cell.source)
            assert "text/markdown" in cell.outputs[0].data
        if "answer" in tags or "evident" in tags:
            waiting = ""
        if "**Predict" in cell.source:
            assert not waiting, f"not answered: {waiting}"
            waiting = cell.source[cell.source.index("**Predict") :]
    assert not waiting, f"not answered: {waiting}"


@pytest.mark.parametrize("topic", TOPICS)
def test_no_answer_stands_before_its_question(topic):
    """No line of its own that a solution needs is shown above the exercise, neither in a source nor in an output."""
    above = ""
    for cell in about(topic).cells:
        for tag in cell.metadata.get("tags", []):
            if tag.startswith("exercise:"):
                exercise = get_exercise(tag.partition(":")[2])
                if isinstance(exercise, Exercise):
                    telling = {line.strip() for line in body_of(exercise.reference) if len(line.strip()) > 25}
                    assert not telling & {line.strip() for line in above.splitlines()}, exercise.name
        above += cell.source + "\n" + "".join(str(output.get("text", "")) for output in cell.get("outputs", []))


@pytest.mark.parametrize("topic", TOPICS)
def test_every_picture_has_a_description(topic):
    for cell in about(topic).cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                assert len(output.metadata["image/png"]["alt"]) > 40, cell.source[:80]


def sentences(cell):
    """Of eight words or more, in what a cell tells the learner: each as its words in lower case."""
    text = cell.source
    if "answer" in cell.metadata.get("tags", []):
        text = " ".join(re.findall(r'"""(.*?)"""', text, flags=re.DOTALL))
    elif cell.cell_type != "markdown":
        return
    text = re.sub(r"```.*?```|\$\$.*?\$\$|\$.*?\$", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]+>|\n\s*\n|\n[-*#|>]+ ", " . ", text)  # tags, paragraphs and list marks end a sentence too
    for sentence in re.split(r"(?<=[.?!:])\s", text):
        words = re.findall(r"[a-z'-]*[a-z][a-z'-]*", sentence.lower())
        if len(words) >= 8:
            yield " ".join(words)


def test_no_sentence_stands_twice():
    told = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for sentence in sentences(cell):
                told.setdefault(sentence, []).append(path.name)
    assert len(told) > 500
    assert not {sentence: where for sentence, where in told.items() if len(where) > 1}


@pytest.mark.slow
@pytest.mark.parametrize("topic", TOPICS)
def test_runs_solved_too(topic, monkeypatch):
    """With every exercise filled in: each check passes, and the learner's own functions train."""
    monkeypatch.setenv("KD_TEACH_BUDGET", "smoke")
    notebook = about(topic)
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            if tag.startswith("exercise:"):
                exercise = get_exercise(tag.partition(":")[2])
                solved = exercise.solution()
                cell.source = solved if isinstance(exercise, Exercise) else solved.splitlines()[0]
    execute(notebook, NOTEBOOKS)
    for cell in notebook.cells:
        assert not [output for output in cell.get("outputs", []) if output.output_type == "error"], cell.source
        if any(tag.startswith("check:") for tag in cell.metadata.get("tags", [])):
            assert cell.outputs[0].data["text/plain"].startswith("✓"), cell.source
    said = [str(output.get("text", "")) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert "has not passed" not in "".join(said)


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.name)
def test_every_exercise_of_a_notebook_is_a_stub_and_a_check(path):
    """The stub is the exercise's own, the next code cell checks it, and no exercise of the topic is left out."""
    cells = code_cells(nbformat.read(path, as_version=4))
    used = []
    for cell, after in zip(cells, [*cells[1:], None], strict=True):
        for tag in cell.metadata.get("tags", []):
            if tag.startswith("exercise:"):
                exercise = get_exercise(tag.partition(":")[2])
                assert cell.source == exercise.stub()
                assert f"check:{exercise.name}" in after.metadata.tags
                assert f'check("{exercise.name}", {exercise.variable})' in after.source
                used.append(exercise.name)
    topic = {"start_here": "start", "your_own": "own"}.get(path.stem[3:], path.stem[3:])
    assert sorted(used) == sorted(list_exercises(topic))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (raise_error, "code cell 1 raised ValueError: no"),
        (warn, "code cell 1 wrote to stderr: Warning: soon gone"),
        (skip_a_cell, "counts are [1, None]"),
        (run_out_of_order, "counts are [2, 1]"),
        (remove_pictures, "no picture"),
        (remove_panel, "code cell 2 shows a widget without a picture"),
        (keep_widget_state, "widget state"),
        (keep_timestamps, "timestamps"),
        (swell, "2.0 MB"),
        (forget_a_slide, "not marked as slides"),
    ],
)
def test_checker_names_the_problem(spoil, complaint):
    notebook = executed()
    clean(notebook)
    assert problems(notebook) == []
    spoil(notebook)
    [found] = problems(notebook)
    assert complaint in found


def test_a_section_is_a_slide_and_what_it_shows_stands_below_it():
    shown = [new_output("stream", text="1")]
    cells = [
        new_markdown_cell("# Title\n\nWhy?"),
        new_code_cell("import torch", outputs=shown),
        new_markdown_cell("## 1. See"),
        new_code_cell("picture()", outputs=shown),
        new_markdown_cell("What it says.\n\n## 2. Do\n\nWrite it."),
        new_code_cell("def my(): ...", metadata={"tags": ["exercise:kd.loss"]}),
        new_code_cell("check()", metadata={"tags": ["check:kd.loss"]}, outputs=shown),
        new_code_cell("x = 1"),
        new_markdown_cell("Another."),
        new_code_cell("def my(): ...", metadata={"tags": ["exercise:kd.total"]}),
    ]
    notebook = new_notebook(cells=cells)
    clean(notebook)
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type", "-") for cell in notebook.cells]
    assert kinds == ["slide", "skip", "slide", "subslide", "fragment", "slide", "-", "-", "skip", "subslide", "-"]
    assert notebook.cells[5].source == "## 2. Do\n\nWrite it."
    nbformat.validate(notebook)


@pytest.mark.system
def test_a_notebook_becomes_a_lecture():
    path = NOTEBOOKS / "01_kd.ipynb"
    page, _ = pytest.importorskip("nbconvert").SlidesExporter().from_filename(str(path))
    kinds = slide_types(nbformat.read(path, as_version=4))
    slides, below = kinds.count("slide"), kinds.count("subslide")
    assert slides > 7 and below > 20
    assert page.count("<section") == 2 * slides + below  # each slide stands in a column of its own
    assert page.count('class="fragment"') == kinds.count("fragment") > 5


def test_two_equal_runs_are_equal_after_cleaning():
    first, second = executed(), executed(widget_id="77b0", when="2001-12-31T23:59:59")
    assert first != second
    clean(first)
    clean(second)
    assert first == second
    assert [output.data[WIDGET].model_id for output in first.cells[3].outputs] == ["widget-1", "widget-1"]


def test_descriptions_reach_the_pictures_and_the_cache_is_not_spoken_of():
    notebook = executed()
    told = "kd, resnet8, seed 0: read from the cache, trained on 2000-01-01 00:00.\n"
    notebook.cells[1].metadata["alt"] = "a photo"
    notebook.cells[1].outputs += [new_output("stream", text=told + "kept\n")]
    notebook.cells[3].outputs += [new_output("stream", text=told)]
    clean(notebook)
    pictures = [output for output in notebook.cells[1].outputs if "image/png" in output.get("data", {})]
    assert pictures and all(picture.metadata["image/png"] == {"alt": "a photo"} for picture in pictures)
    said = [output.text for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output]
    assert "kept\n" in said and "" not in said and not any("cache" in text for text in said)


def test_quantised_picture_is_smaller_and_looks_the_same():
    before = png(photo())
    after = quantise(before)
    assert len(after) < 0.6 * len(before)
    off = np.asarray(opened(after).convert("RGB"), int) - np.asarray(photo(), int)
    assert np.abs(off).mean() < 8
    assert quantise(after) == after


def test_transparent_picture_stays_transparent():
    image = photo().convert("RGBA")
    image.putpixel((0, 0), (0, 0, 0, 0))
    assert opened(quantise(png(image))).convert("RGBA").getpixel((0, 0))[3] == 0


def test_run_saves_what_is_clean_and_leaves_the_rest_alone(tmp_path):
    """In a real kernel: a second run gives the same bytes; a bad notebook is not saved."""
    show = f"import base64, IPython\nIPython.display.Image(base64.b64decode('{png(photo())}'))"
    cells = [new_code_cell(show), new_code_cell("import os\nprint(os.getcwd())")]
    path = tmp_path / "toy.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    assert run(path) == []
    once = path.read_bytes()
    assert str(tmp_path).encode() in once
    assert run(path) == []
    assert path.read_bytes() == once

    for source, complaint in {
        "1 / 0": "code cell 2 raised ZeroDivisionError: division by zero",
        "import sys\nprint('beware', file=sys.stderr)": "code cell 2 wrote to stderr: beware",
    }.items():
        cells[1].source = source
        nbformat.write(new_notebook(cells=cells), path)
        before = path.read_bytes()
        assert run(path) == [complaint]
        assert path.read_bytes() == before
