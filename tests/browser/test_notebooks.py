"""The shipped notebooks run from top to bottom in JupyterLab, without a complaint from kernel or browser."""

import pytest


@pytest.mark.parametrize("name", ["00_start_here", "01_kd", "07_rkd"])
def test_notebook_runs(opened, measured, name):
    notebook = opened(name)
    failures, seconds = notebook.run_all()
    notebook.screenshot("run")
    measured(f"{name}: all cells run in {seconds:.1f} s")
    assert failures == []
    assert notebook.complaints == []
    assert notebook.page.locator(".jp-RenderedImage img").count() >= 3
    notebook.close()
