"""Tests in a real browser: `make test-browser`. They take a minute, so they run only where this folder is named."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.browser.notebook import Notebook
from tests.browser.server import copy_notebooks, jupyterlab

HERE = Path(__file__).parent
BROWSERS = "chromium", "chromium-browser", "google-chrome"
QUIET = "no-first-run", "disable-gpu", "disable-quic", "disable-background-networking", "disable-component-update"
MEASURED = pytest.StashKey[list[str]]()


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    named = (Path(argument.split("::")[0]).resolve() for argument in config.args)
    return None if any(path.is_relative_to(HERE) for path in named) else True


def pytest_configure(config: pytest.Config) -> None:
    config.stash[MEASURED] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash[MEASURED]:
        terminalreporter.section("measured in the browser")
        terminalreporter.write("\n".join([*lines, ""]))


@pytest.fixture(scope="session")
def measured(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Takes a line that is printed after all tests."""
    return pytestconfig.stash[MEASURED].append


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where the screenshots go; git ignores it."""
    folder = HERE / "artefacts"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator:
    api = pytest.importorskip("playwright.sync_api", reason='no playwright: pip install -e ".[browser]"')
    if not (path := next(filter(None, map(shutil.which, BROWSERS)), None)):
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[f"--{option}" for option in QUIET])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the notebooks, where tests may put their own."""
    root = tmp_path_factory.mktemp("lab") / "work"
    root.mkdir()
    copy_notebooks(root)
    return root / "notebooks"


@pytest.fixture(scope="session")
def opened(browser, folder: Path, pictures: Path) -> Iterator[Callable[[str], Notebook]]:
    """Opens a notebook of `folder` by its name, in JupyterLab."""
    context = browser.new_context(viewport={"width": 1200, "height": 1600})  # one for all: it caches JupyterLab
    context.set_default_timeout(20_000)
    with jupyterlab(folder.parents[1]) as url:
        yield lambda name: Notebook(context.new_page(), f"{url}/doc/tree/notebooks/{name}.ipynb", pictures)
        for i, page in enumerate(context.pages):  # tests close theirs, unless they fail
            page.screenshot(path=pictures / f"failed-{i}.png")
        context.close()
