"""docs/your_own.md runs as it stands, and does what it says."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch
from torch import nn

import kd_teach
from kd_teach import Settings, create_model, distill, get_recipe, load_teacher, tapped
from kd_teach.data import Augment, plain_batches, training_batches
from kd_teach.methods import KDLoss
from kd_teach.methods.recipe import one_phase
from kd_teach.training.budgets import lesson_weight
from kd_teach.training.evaluation import predict
from kd_teach.training.gradients import gradient_norms
from tests.helpers import tiny_data

PAGE = Path(__file__).parent.parent / "docs" / "your_own.md"
SETTINGS = {"epochs": 1, "batch_size": 8, "device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The names that the page's code leaves behind."""
    torch.manual_seed(0)
    names = {
        "data": tiny_data(),
        "teacher": create_model("resnet14", 3).eval(),
        "other": create_model("resnet14", 3).eval(),
        "settings": SETTINGS,
        "Settings": Settings,
        "torch": torch,
        "nn": nn,
        "dataclasses": dataclasses,
        "distill": distill,
        "get_recipe": get_recipe,
        "Distiller": kd_teach.Distiller,
        "create_model": create_model,
        "training_batches": training_batches,
        "gradient_norms": gradient_norms,
        "lesson_weight": lesson_weight,
        "load_teacher": load_teacher,
        "tapped": tapped,
        "KDLoss": KDLoss,
        "Augment": Augment,
        "predict": predict,
        "one_phase": one_phase,
    }
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    folder = tmp_path_factory.mktemp("files")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in blocks:
            exec(compile(block, str(PAGE), "exec"), names)
    return names


def test_the_loudness_is_that_of_the_labels_and_of_the_method(page):
    batch = next(training_batches(page["data"], 8, seed=0, epoch=0))
    assert set(gradient_norms(page["loud"], batch).index) == {"task", "distil"}
    assert page["gentler"].card["options"]["weight"] == lesson_weight("sp", "cifar10") == 900


def logits(page, result):
    return predict(result.student, page["data"].test, page["data"], Settings(device="cpu", precision="float32"))


def test_the_mean_of_logits_is_the_teachers_answer(page):
    images = next(plain_batches(page["data"].train, page["data"], 4)).images
    answer = page["Ensemble"](page["teacher"], page["other"])(images).logits
    torch.testing.assert_close(answer, (page["teacher"](images).logits + page["other"](images).logits) / 2)
    assert page["of_mean"].complete


def test_the_mean_of_losses_is_that_of_each_teacher_alone(page):
    batch = next(plain_batches(page["data"].train, page["data"], 8))
    student = create_model("resnet8", 3)
    value = lambda method, teacher: kd_teach.Distiller(
        method, student=student, teacher=teacher, data=page["data"]
    ).distil(student(batch.images), teacher(batch.images), batch)
    both = value(page["several"], page["SideBySide"](page["teacher"], page["other"]))
    alone = [value("kd", page["teacher"]), value("kd", page["other"])]
    torch.testing.assert_close(both, sum(alone) / 2)
    assert page["mean_of"].complete


def test_cached_logits_train_as_the_teacher_does_without_augmentation(page):
    how = SETTINGS | {"augment": Augment(pad=0, flip=False), "teacher": page["teacher"], "data": page["data"]}
    asked = logits(page, distill("kd", student="resnet8", **how))
    torch.testing.assert_close(logits(page, page["from_cache"]), asked, rtol=1e-3, atol=1e-3)


def test_augmentation_forbids_a_cache(page):
    data, teacher, cache = page["data"], page["teacher"], page["z_t"]

    def error(augment):
        batches = training_batches(data, 8, seed=0, epoch=0, augment=augment)
        return max((teacher(b.images).logits - cache[b.index]).abs().max().item() for b in batches)

    with torch.no_grad():
        assert error(Augment(pad=0, flip=False)) < 1e-4 * cache.std().item()
        assert error(Augment()) > 0.1 * cache.std().item()  # the answer to another image


def test_a_list_of_teachers_is_sent_to_the_recipe(page):
    with pytest.raises(TypeError, match=r"teacher is a list; .*docs/your_own\.md"):
        distill("kd", student="resnet8", teacher=[page["teacher"]] * 2, data=page["data"], **SETTINGS)
