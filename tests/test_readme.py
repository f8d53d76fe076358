"""The README says what the recipes say."""

from tools.readme_tables import README, rewritten


def test_tables_are_up_to_date():
    text = README.read_text()
    assert rewritten(text) == text, "run: python tools/readme_tables.py"
