"""The documents say what recipes, notebooks and results say."""

import pytest

from tools.tables import BLOCKS, ROOT, rewritten


@pytest.mark.parametrize("document", BLOCKS)
def test_tables_are_up_to_date(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    assert rewritten(document) == text, "run: python tools/tables.py"


def test_the_readme_stays_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150
