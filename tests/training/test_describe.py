"""Property cards: built from the recipe, the loss and the table of invariances."""

from dataclasses import replace

import pytest

from kd_teach import create_model, describe, get_recipe, list_methods


@pytest.fixture(scope="module", params=list_methods())
def card(request):
    return request.param, describe(request.param, student="resnet8", teacher="resnet14", image_size=16)


def test_says_what_recipe_and_table_say(card):
    method, shown = card
    recipe = get_recipe(method)
    assert shown.title == recipe.title and shown.facts["paper"] == recipe.paper
    assert shown.facts["knowledge"] == recipe.knowledge
    assert set(shown.facts["blind to"].split(", ")) == next(iter(recipe.variants.values())).blind_to
    assert list(shown.variants["weight"]) == [v.weight for v in recipe.variants.values()]
    if method in TAPS:  # not of a method that came later
        assert shown.facts["compares"] == TAPS[method]


TAPS = {
    "kd": "logits",
    "fitnet": "stages[1]",
    "ft": "stages[2]",
    "sp": "stages[2]",
    "fsp": "stem, stages[0], stages[1], stages[2]",
    **dict.fromkeys(["at", "vid", "nst"], "stages[0], stages[1], stages[2]"),
    **dict.fromkeys(["ab", "ofd"], "preacts[0], preacts[1], preacts[2]"),
    **dict.fromkeys(["cc", "rkd", "pkt", "crd"], "embedding"),
}


def test_renders_as_text_and_as_a_table(card):
    _, shown = card
    assert shown.title in str(shown) and "blind to" in str(shown)
    page = shown._repr_html_()
    assert page.count("<tr>") >= len(shown.facts) and shown.title.replace("'", "&#x27;") in page


def test_counts_learnt_parts_for_the_pair():
    assert "regressor 1,056 parameters" in describe("fitnet", image_size=16).facts["learns"]  # 32 * 32 + 32
    wide = describe("fitnet", teacher="wrn_16_2", image_size=16).facts["learns"]
    assert "regressor 2,112 parameters" in wide  # 32 * 64 + 64


def test_leaves_the_networks_as_they_were():
    student = create_model("resnet8").train()
    before = {name: value.clone() for name, value in student.state_dict().items()}
    describe("at", student=student, image_size=16)
    assert student.training
    assert all(value.equal(before[name]) for name, value in student.state_dict().items())


def test_counts_multiply_adds():
    cost = describe("fitnet", image_size=32).facts["cost"]
    assert "makes 262,144 multiply-adds" in cost  # 32 * 32 channels at 16 * 16 places
    assert "reads 16,384 numbers" in cost


def test_unknown_method():
    with pytest.raises(ValueError, match="kd"):
        describe("kdd")


def test_shows_banks_but_not_running_statistics():
    assert "bank_s.rows (64, 128)" in describe("crd", image_size=16).facts["remembers"]
    assert describe("ofd", variant="batch", image_size=16).facts["remembers"].startswith("margin_0 (16,)")
    assert describe("vid", image_size=16).facts["remembers"] == "nothing"


def test_names_the_phases_and_what_they_train():
    phases = describe("ab", image_size=16).facts["phases"]
    assert "initialise (25% of the epochs)" in phases and "task (75% of the epochs)" in phases
    assert "student.stages.2" in phases and "student.classifier" not in phases
    assert phases.endswith("no teacher")


def halves(s, t):
    """What goes into the loss.

    Not a part of the equation.
    """
    # L = s - t where s < t
    return s - t


def test_shows_the_equation_without_its_docstring():
    shown = describe(replace(get_recipe("kd"), equation=halves), image_size=16)
    assert shown.equation == "def halves(s, t):\n    # L = s - t where s < t\n    return s - t"
    assert shown.equation in str(shown)
    assert "<pre><code>def halves(s, t):\n    # L = s - t where s &lt; t\n" in shown._repr_html_()


def test_recipes_without_an_equation_that_can_be_read():
    nobody = replace(get_recipe("kd"), equation=None)
    assert describe(nobody, image_size=16).equation == "Equation: none given."
    typed = replace(nobody, equation=eval("lambda s, t: s - t"))
    assert "whose source cannot be read" in describe(typed, image_size=16).equation
