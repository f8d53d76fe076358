"""One notebook open in JupyterLab in a browser: run it, read what it shows, and time what follows a key."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # without playwright the tests skip themselves
    from playwright.sync_api import Locator, Page

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}

READY = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget, session = panel?.sessionContext;
    const kernel = session?.session?.kernel;
    return panel?.context?.isReady && session?.isReady && kernel?.status === 'idle'
        && kernel.connectionStatus === 'connected';
}"""

# Every cell executed, or one failed (that ends "run all cells"), and the kernel at rest.
FINISHED = """() => {
    const panel = window.jupyterapp.shell.currentWidget;
    const cells = [...panel.content.model.cells].filter(c => c.type === 'code' && c.sharedModel.getSource().trim());
    const failed = cells.some(cell => cell.outputs.toJSON().some(output => output.output_type === 'error'));
    return (failed || cells.every(cell => cell.executionCount))
        && panel.sessionContext.session.kernel.status === 'idle';
}"""

# Errors and everything on stderr: [[cell, text], ...]. Read from the model, for cells out of sight have no DOM.
FAILURES = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells].flatMap((cell, i) =>
    cell.type !== 'code' ? [] : cell.outputs.toJSON()
        .filter(output => output.output_type === 'error' || output.name === 'stderr')
        .map(output => [i, output.evalue ?? [output.text].flat().join('')]))"""

# Note when a key goes down, a list changes or something is clicked, and when the picture changes: all in the page, so
# that the test's own pace is left out.
WATCH = """image => {
    window.seen = [];
    const note = what => () => window.seen.push([what, performance.now()]);
    window.watched?.disconnect();
    window.watched = new MutationObserver(note('picture'));
    window.watched.observe(image, {attributes: true, attributeFilter: ['src']});
    for (const input of window.listening ? [] : ['keydown', 'change', 'click'])
        window.addEventListener(input, () => window.seen.push(['key', performance.now()]), true);
    window.listening = true;
}"""


class Notebook:
    """A page of JupyterLab; `complaints` collects the errors of the browser's console."""

    def __init__(self, page: Page, address: str, pictures: Path) -> None:
        self.page, self.pictures, self.name = page, pictures, Path(address).stem
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.goto(f"{address}?reset")
        # Before the kernel is connected "run all cells" would do nothing, without a word.
        page.wait_for_function(READY, timeout=60_000)

    def run_all(self, *, patience: float = 300) -> tuple[list[tuple[int, str]], float]:
        """Run all cells to the end; gives what went wrong, [(cell, text), ...], and the seconds it took."""
        start = time.monotonic()
        # The braces keep the promise from being waited for: it would have no time limit.
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
        self.page.wait_for_function(FINISHED, timeout=patience * 1000)
        return [tuple(found) for found in self.page.evaluate(FAILURES)], time.monotonic() - start

    def close(self) -> None:
        """End the kernel, so that it takes no memory from the next, and close the page."""
        self.page.evaluate("async () => { await window.jupyterapp.shell.currentWidget.sessionContext.shutdown() }")
        self.page.close()

    def screenshot(self, what: str) -> None:
        self.page.screenshot(path=self.pictures / f"{self.name}-{what}.png")

    def output(self, cell: int) -> Locator:
        """What the cell of this number, counted from 0, has put out."""
        return self.page.locator(f".jp-Notebook .jp-Cell[data-windowed-list-index='{cell}'] .jp-Cell-outputArea")

    def scroll_to(self, cell: int) -> None:
        """Bring a cell into view: JupyterLab takes those far away out of the page."""
        self.page.evaluate("cell => window.jupyterapp.shell.currentWidget.content.scrollToItem(cell, 'start')", cell)

    def watch(self, picture: Locator) -> None:
        """Start to note keys and changes of one picture (an <img>)."""
        picture.evaluate(WATCH)

    def seen(self) -> list[tuple[str, float]]:
        """[("key" or "picture", milliseconds), ...] since `watch`."""
        return [tuple(event) for event in self.page.evaluate("() => window.seen")]
