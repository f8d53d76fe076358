"""Run notebooks again and save them so that a second run without changes gives no diff.

    python tools/run_notebooks.py                      all in notebooks/
    python tools/run_notebooks.py notebooks/01_kd.ipynb
    python tools/run_notebooks.py --tidy               only text was changed: keep the outputs

A notebook with a problem (a cell that raised or wrote to stderr, a widget without picture, more than 2 MB) is not
saved: the script says what and where, one line each, and ends with status 1.
"""

import argparse
import base64
import io
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from PIL import Image
from traitlets import default

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
MAX_BYTES = 2 * 2**20
WIDGET = "application/vnd.jupyter.widget-view+json"


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells that hold code; empty ones are never executed and do not count."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def outputs(notebook: NotebookNode) -> Iterator[tuple[int, NotebookNode]]:
    """Every output with the number of its code cell, counted from 1."""
    for number, cell in enumerate(code_cells(notebook), start=1):
        for output in cell.outputs:
            yield number, output


class ThisInterpreter(AsyncKernelManager):
    """Starts the Python that runs this script, whatever "python3" kernel is installed elsewhere."""

    @default("kernel_spec_manager")
    def _no_installed_kernels(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in place, in a fresh kernel whose working directory is `folder`."""
    NotebookClient(
        notebook,
        kernel_manager_class=ThisInterpreter,
        kernel_name=NATIVE_KERNEL_NAME,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],  # a kernel without encryption is what we want
        resources={"metadata": {"path": str(folder)}},
        timeout=None,
        record_timing=False,
        coalesce_streams=True,  # prints arrive in pieces cut by chance
    ).execute()


def clean(notebook: NotebookNode) -> None:
    """Remove in place what differs between two equal runs, and make pictures small."""
    notebook.metadata.pop("widgets", None)  # state of all widgets under random ids, useless without a kernel
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # timestamps
        for output in cell.get("outputs", []):
            if output.get("name") == "stdout":  # whether a run was in this machine's cache
                output.text = re.sub(r"^.*: read from the cache, trained on .*\n", "", output.text, flags=re.MULTILINE)
            if "alt" in cell.metadata and "image/png" in output.get("data", {}):
                output.metadata["image/png"] = {"alt": cell.metadata["alt"]}  # where HTML looks for it
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if output.get("text") != ""]
    notebook.cells = list(one_heading_each(notebook.cells))
    for cell, kind in zip(notebook.cells, slide_types(notebook), strict=True):
        cell.metadata.pop("slideshow", None)
        if kind != "-":
            cell.metadata["slideshow"] = {"slide_type": kind}
    ids: dict[str, str] = {}
    for _, output in outputs(notebook):
        data = output.get("data", {})
        if WIDGET in data:
            model_id = data[WIDGET]["model_id"]
            data[WIDGET]["model_id"] = ids.setdefault(model_id, f"widget-{len(ids) + 1}")
        if "image/png" in data:
            data["image/png"] = quantise(data["image/png"])


def one_heading_each(cells: Iterable[NotebookNode]) -> Iterator[NotebookNode]:
    """The cells, those of text cut above each section's heading, which begins a slide."""
    for cell in cells:
        first, *sections = re.split(r"\n+(?=## )", cell.source) if cell.cell_type == "markdown" else [cell.source]
        cell.source = first
        yield cell
        for number, section in enumerate(sections, start=1):
            yield NotebookNode(cell, id=f"{cell.id[:60]}-{number}", source=section, metadata=NotebookNode())


def slide_types(notebook: NotebookNode) -> list[str]:
    """What each cell is when a notebook is shown as slides, in Jupyter's words; "-" goes on with the slide before.

    A section is a slide, and below it each picture or table with its code, and each exercise with its text. What is
    said about a picture appears after it. Imports are left out, and so is code that shows nothing.
    """
    tags = [[tag.partition(":")[0] for tag in cell.metadata.get("tags", [])] for cell in notebook.cells] + [[]]
    kinds, setup = [], True
    for cell, own, following in zip(notebook.cells, tags, tags[1:], strict=False):
        if cell.cell_type == "markdown":
            asks = cell.source.startswith(("### ", "**★")) or "exercise" in following
            kinds.append("slide" if re.match("##? ", cell.source) else "subslide" if asks else "fragment")
        elif {"exercise", "check"} & set(own):
            kinds.append("-")
        elif setup or not cell.outputs:
            kinds.append("skip")
            setup = False
        else:
            kinds.append("subslide")
    return kinds


def quantise(png: str) -> str:
    """A base64 PNG in 256 colours, or the PNG that came in where that is no smaller."""
    image = Image.open(io.BytesIO(base64.b64decode(png)))
    if image.mode not in ("RGB", "RGBA"):
        return png
    if image.mode == "RGBA" and image.getextrema()[3] == (255, 255):
        image = image.convert("RGB")  # fully opaque: Pillow's best palettes know no transparency
    buffer = io.BytesIO()
    # MAXCOVERAGE keeps the ends of a colour bar; median cut would turn them into their neighbours. RGB only.
    how = Image.Quantize.MAXCOVERAGE if image.mode == "RGB" else None
    image.quantize(256, method=how).save(buffer, format="PNG", optimize=True)
    small = base64.b64encode(buffer.getvalue()).decode()
    return small if len(small) < len(png) else png


def problems(notebook: NotebookNode) -> list[str]:
    """What may not be committed, one line each; empty for a good notebook."""
    found = []
    for number, output in outputs(notebook):
        if output.output_type == "error":
            found.append(f"code cell {number} raised {output.ename}: {output.evalue}")
        if output.get("name") == "stderr":
            found.append(f"code cell {number} wrote to stderr: {output.text.strip().splitlines()[0]}")
        data = output.get("data", {})
        if WIDGET in data and "image/png" not in data:
            found.append(f"code cell {number} shows a widget without a picture for those who only read")
    counts = [cell.execution_count for cell in code_cells(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        found.append(f"cells were not executed once each from top to bottom: counts are {counts}")
    if not any("image/png" in output.get("data", {}) for _, output in outputs(notebook)):
        found.append("it shows no picture")
    if "widgets" in notebook.metadata or any("execution" in cell.metadata for cell in notebook.cells):
        found.append("it holds widget state or timestamps")
    if [cell.metadata.get("slideshow", {}).get("slide_type", "-") for cell in notebook.cells] != slide_types(notebook):
        found.append("its cells are not marked as slides")
    if (size := len(nbformat.writes(notebook).encode())) > MAX_BYTES:
        found.append(f"it has {size / 2**20:.1f} MB; at most {MAX_BYTES / 2**20:.0f} are allowed")
    return found


def run(path: Path, *, tidy: bool = False) -> list[str]:
    """Execute (unless it is only to `tidy`), clean and check one notebook; it is saved when there are no problems."""
    notebook = nbformat.read(path, as_version=4)
    try:
        if not tidy:
            execute(notebook, path.resolve().parent)
    except CellExecutionError as error:
        number = sum(cell.execution_count is not None for cell in code_cells(notebook))
        return [f"code cell {number} raised {error.ename}: {error.evalue}"]
    clean(notebook)
    found = problems(notebook)
    if not found:
        nbformat.write(notebook, path)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all in notebooks/")
    parser.add_argument("--tidy", action="store_true", help="keep the outputs; only clean, and mark the slides")
    arguments = parser.parse_args()
    os.environ.setdefault("KD_TEACH_PROGRESS", "0")  # bars hold speeds, which differ in every run
    bad = 0
    for path in arguments.notebooks or sorted(NOTEBOOKS.glob("*.ipynb")):
        found = run(path, tidy=arguments.tidy)
        bad += bool(found)
        print(f"{path.name}: {'not saved' if found else 'saved'}", *found, sep="\n  ", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
