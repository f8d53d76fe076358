"""What an edit of each kind does to the fingerprint of a run, and to the cache."""

import functools
import linecache
import os
import shutil
import subprocess
import sys
import threading
import types
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet18

import kd_teach
from kd_teach import Alone, Distiller, Recipe, Settings, Variant, create_model, distill, tapped
from kd_teach.methods import kd, list_methods
from kd_teach.training.experiment import _configure, _finish, _train
from kd_teach.training.fingerprint import code_of, fingerprint
from kd_teach.training.loop import train
from kd_teach.training.settings import rate_share
from tests.helpers import tiny_data

DATA = tiny_data()
BUDGET = {"data": DATA, "epochs": 1, "batch_size": 8, "device": "cpu"}
PACKAGE = Path(kd_teach.__file__).parent


def cell(source: str, number: int = 0, **names) -> dict:
    """What a cell of a notebook defines: its source is known by a name that is no file."""
    file = f"<cell {number} {hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    names = {"__name__": "__main__", "torch": torch, "nn": nn} | names
    exec(compile(source, file, "exec"), names)
    return names


LOSS = """
class Gap(nn.Module):
    def forward(self, s, t):
        return scaled(s - t).abs().pow(power).mean()
def scaled(x):
    return x * FACTOR
FACTOR = 2.0
def make(k):
    return lambda s, t, context, variant: Gap()
build = make(1)
power = 1
"""


def recipe(source: str = LOSS) -> Recipe:
    return Recipe(
        name="gap",
        title="Gap",
        paper="none",
        knowledge="response",
        tap=lambda features: features.logits,
        build=cell(source)["build"],
        variants={"only": Variant(weight=1.0, source="a guess")},
    )


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("pow(power)", "pow(2)", False),  # the loss
        ("power = 1", "power = 2", False),  # a constant that it reads
        ("FACTOR = 2.0", "FACTOR = 3.0", False),  # one that a function reads that it calls
        ("return x * FACTOR", "return x / FACTOR", False),
        ("make(1)", "make(2)", True),  # a value that nobody closes over
        ("lambda s, t, context, variant: Gap()", "lambda s, t, context, variant: k * Gap() if k > 1 else Gap()", False),
        ("return x * FACTOR", "return x * FACTOR  # a comment", True),
        ("def scaled(x):", 'def scaled(x):\n    """Said."""', True),
        ("class Gap(nn.Module):", 'class Gap(nn.Module):\n    """Said."""\n', True),
        ("\nFACTOR", "\nunrelated = 3\n\n\nFACTOR", True),
    ],
)
def test_a_recipe_in_a_cell(before, after, same):
    assert before in LOSS
    one, other = fingerprint(recipe()), fingerprint(recipe(LOSS.replace(before, after)))
    assert (one == other) is same and one.unreadable is None


def test_closures_defaults_partials_and_methods_count():
    source = """
import functools
def power(s, p=2): return s ** p
def closed(p): return lambda s: power(s, p)
class Held:
    def __init__(self, p): self.p = p
    def call(self, s): return power(s, self.p)
"""
    names = cell(source)
    makers = [
        names["closed"],
        lambda p: functools.partial(names["power"], p=p),
        lambda p: names["Held"](p).call,
        lambda p: functools.lru_cache(names["closed"](p)),
        lambda p: torch.no_grad()(names["closed"](p)),
        lambda p: {"deep": [(names["closed"](p),)]},
    ]
    for make in makers:
        assert fingerprint(make(2)) == fingerprint(make(2)) != fingerprint(make(3))
    other = cell(source.replace("p=2", "p=3"))
    assert fingerprint(names["power"]) != fingerprint(other["power"])


def test_a_class_of_a_script_without_a_suffix_is_written_in_python(monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "__file__", "/usr/local/bin/train", raising=False)
    assert fingerprint(cell(LOSS)["Gap"]).unreadable is None


def test_circles_end():
    names = cell("def f(x): return g(x)\ndef g(x): return f(x) + 1\nclass A:\n    def me(self): return A, f")
    loop = [names["f"], names["A"]]
    loop.append(loop)
    assert fingerprint(loop).unreadable is None


def test_a_module_of_ones_own_counts_by_what_is_taken_of_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def read(text):
        (tmp_path / "mine_of_this_test.py").write_text(text)
        sys.modules.pop("mine_of_this_test", None)
        linecache.clearcache()
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        names = cell("import mine_of_this_test as mine\ndef f(x):\n    return mine.gap(x)\n", 1)
        return fingerprint(names["f"])

    first = read("def gap(x): return x\n")
    assert first == read("def gap(x): return x  # the same\ndef other(x): return 1\n")
    assert first != read("def gap(x): return 2 * x\n")


@pytest.mark.parametrize(
    "source",
    [
        "import mine_of_this_test as mine\ndef f(x): return getattr(mine, 'gap')(x)",
        "import mine_of_this_test as mine\ndef f(x): return apply(mine, x)\ndef apply(module, x): return module.gap(x)",
        "import mine_of_this_test as mine\nheld = [mine]\ndef f(x): return held[0].gap(x)",
        "def f(x):\n    from mine_of_this_test import gap\n    return gap(x)",
        "def f(x):\n    import mine_of_this_test as mine\n    return mine.gap(x)",
    ],
)
@pytest.mark.parametrize("change", [("return x", "return 2 * x"), ("factor = 1", "factor = 2")])
def test_a_module_counts_however_it_is_read(source, change, tmp_path, monkeypatch):
    """Also one that nobody has imported yet."""
    monkeypatch.syspath_prepend(tmp_path)

    def read(text):
        (tmp_path / "mine_of_this_test.py").write_text(text)
        sys.modules.pop("mine_of_this_test", None)
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        return fingerprint(cell(source, 2)["f"])

    text = "factor = 1\ndef gap(x): return x + factor\n"
    first = read(text)
    assert first == read(text) != read(text.replace(*change)) and first.unreadable is None


@pytest.mark.parametrize(
    "text", ["eval('x')", "exec('x')", "globals()['k']", "__import__('a')", "importlib.import_module('a')"]
)
def test_what_is_found_by_text_is_not_followed_and_so_not_kept(text):
    names = cell(f"import importlib\ndef f(x): return {text}")
    assert "f finds names by " in fingerprint(names["f"]).unreadable
    assert fingerprint(cell("def f(net): return net.eval()")["f"]).unreadable is None


@pytest.mark.parametrize(
    "where", [(F, "kl_div"), (torch, "relu"), (torch.Tensor, "softmax"), (nn.modules.batchnorm._NormBase, "extra_repr")]
)
def test_what_was_put_into_a_library_counts(where, monkeypatch):
    run = Alone(create_model("resnet8", 3), DATA)
    before = code_of(run, train)
    monkeypatch.setattr(*where, cell("def mine(*arguments): return 1")["mine"])
    code, state = code_of(run, train)
    assert code != before[0] and state != before[1]


def test_what_a_try_covers_counts():
    rest = "    except E: pass\ndef a(): pass\nb = a\nE = ValueError"
    one = cell("def f():\n    a()\n    try: b()\n" + rest)
    assert fingerprint(one["f"]) != fingerprint(cell("def f():\n    try: a(); b()\n" + rest)["f"])


@pytest.mark.parametrize(
    "make", ["torch.eye(3).to_sparse()", "torch.ones(2, dtype=torch.cfloat).conj()", "torch.ones(())"]
)
def test_tensors_of_any_layout_are_read(make):
    one, same, other = (cell(f"f = {text}")["f"] for text in (make, make, f"2 * {make}"))
    assert fingerprint(one) == fingerprint(same) != fingerprint(other) and fingerprint(one).unreadable is None


def test_hooks_and_attributes_of_a_tensor_count():
    prints = set()
    for change in ("pass", "w.register_hook(lambda g: g)", "w.register_hook(lambda g: 2 * g)", "w.scale = 3"):
        prints.add(fingerprint(cell(f"w = nn.Parameter(torch.ones(2))\n{change}")["w"]).digest)
    assert len(prints) == 4


def test_tensors_without_content_are_unreadable():
    assert fingerprint(torch.ones(2, device="meta")).unreadable == "a tensor cannot be read"


def net_of(forward: str = "x.relu()", extra: str = "") -> nn.Module:
    source = f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)
        {extra}
    def forward(self, x):
        x = self.conv(x)
        embedding = ({forward}).mean(dim=(2, 3))
        return Features(x, (x,), (x,), embedding, self.head(embedding))
"""
    torch.manual_seed(0)
    return cell(source, Features=kd_teach.Features)["Net"]()


def test_a_network_counts_by_its_forward_its_settings_and_its_hooks():
    plain = fingerprint(net_of())
    assert plain == fingerprint(net_of()) == fingerprint(net_of().train(False))
    assert plain != fingerprint(net_of("x.tanh()")) and plain != fingerprint(net_of(extra="self.slope = 0.1"))
    strided, hooked = net_of(), net_of()
    strided.conv.stride = (2, 2)
    hooked.register_forward_hook(lambda module, images, features: features)
    assert plain not in (fingerprint(strided), fingerprint(hooked))


def test_a_tapped_network_counts_by_its_graph_and_its_copy_is_the_same():
    torch.manual_seed(0)
    inner = resnet18(num_classes=3)
    two, three = (tapped(inner, stages=[f"layer{n + 1}" for n in range(count)]) for count in (2, 3))
    assert (
        fingerprint(two) == fingerprint(kd_teach.training.pairs.for_one_run(two, "student", 0)[1]) != fingerprint(three)
    )


def test_an_edit_in_memory_counts_whatever_stands_on_disk(monkeypatch):
    run = Distiller("kd", student=create_model("resnet8", 3), teacher=create_model("resnet8", 3), data=DATA)
    before = code_of(run, train)
    monkeypatch.setattr(kd.KDLoss, "forward", lambda self, z_s, z_t: (z_s - z_t).mean())
    after = code_of(run, train)
    assert before[0] != after[0] and before[1] != after[1]
    monkeypatch.undo()
    assert code_of(run, train) == before
    monkeypatch.setattr("kd_teach.training.loop.rate_share", lambda *where: rate_share(*where) / 2)
    assert code_of(run, train)[0] != before[0]


def test_the_code_is_one_for_all_seeds_and_weights():
    codes, states = set(), set()
    for seed, weight in ((0, 1.0), (1, 1.0), (1, 2.0)):
        torch.manual_seed(seed)
        student, teacher = create_model("resnet8", 3), create_model("resnet14", 3)
        code, state = code_of(Distiller("kd", student=student, teacher=teacher, data=DATA, weight=weight))
        codes.add(code.digest), states.add(state.digest)
    assert len(codes) == 1 and len(states) == 3


@pytest.mark.parametrize("method", list_methods())
def test_each_method_can_be_read_and_is_another(method):
    run = Distiller(method, student=create_model("resnet8", 3), teacher=create_model("resnet14", 3), data=DATA)
    code, state = code_of(run, train)
    assert code.unreadable is state.unreadable is None
    assert code.digest != code_of(Alone(create_model("resnet8", 3), DATA))[0].digest


def keyed(source=LOSS, net="x.relu()", data=DATA):
    """(key, whether it is kept) of a run by a recipe in a cell."""
    torch.manual_seed(0)
    run = Distiller(recipe(source), student=net_of(net), teacher=create_model("resnet14", 3), data=data)
    state = code_of(run, _train, _finish)[1]
    return _configure(run, {}, {"state": state.digest}, data, Settings(device="cpu"))["config_hash"], state.unreadable


def noisy_labels():
    data = tiny_data()
    data.train.labels[0] = 2
    return keyed(data=data)


def with_mine_at(where, name):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, name, cell("def mine(*arguments): return 1")["mine"])
        return keyed()


def with_an_edited_plot():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kd_teach.plots, "training_report", None)  # put back at the end
        exec("def training_report(*arguments, **options): return 1", vars(kd_teach.plots))
        return keyed()


def with_another_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        return keyed()
    finally:
        torch.set_num_threads(threads)


def with_a_variable():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POWER", "3")
        return keyed(READS)


READS = LOSS.replace("pow(power)", "pow(float(os.environ.get('POWER', 1)))").replace("\nclass", "\nimport os\nclass", 1)
TABLE = {  # of docs/studies.md: the first words of a row, the key before and after such an edit
    "a loss": (keyed, lambda: keyed(LOSS.replace("mean()", "sum()"))),
    "a helper": (keyed, lambda: keyed(LOSS.replace("FACTOR = 2", "FACTOR = 3"))),
    "a network": (keyed, lambda: keyed(net="x.tanh()")),
    "a part of a library": (keyed, lambda: with_mine_at(F, "kl_div")),
    "images or labels": (keyed, noisy_labels),
    "threads or versions": (keyed, with_another_thread),
    "comments": (keyed, lambda: keyed('"""Said."""\n' + LOSS + "# a comment")),
    "functions that": (keyed, lambda: keyed(LOSS + "def unused(x): return x\n")),
    "plots": (keyed, with_an_edited_plot),
    "code without": (keyed, lambda: keyed(LOSS.replace("x * FACTOR", "x * eval('FACTOR')"))),
    "a file or variable": (lambda: keyed(READS), with_a_variable),
}


def test_the_table_in_the_docs_says_what_edits_do():
    text = (PACKAGE.parent / "docs" / "studies.md").read_text(encoding="utf-8")
    rows = [
        line.strip("| ").split(" | ") for line in text.partition("| an edit of |")[2].partition("\n\n")[0].splitlines()
    ]
    assert len(rows) == 2 + len(TABLE)
    for (what, then), (start, (before, after)) in zip(rows[2:], TABLE.items(), strict=True):
        (one, _), (other, unreadable) = before(), after()
        same = "is read from the cache" if one == other else "is trained anew"
        found = "is not kept, which is said once" if unreadable else same
        if what.startswith("a file or variable"):
            assert then == "does not notice: clear the cache" and one == other
        else:
            assert what.startswith(start) and then == found, (what, found)


@pytest.fixture
def cached(tmp_path):
    torch.manual_seed(5)
    return BUDGET | {"teacher": create_model("resnet14", 3), "cache": tmp_path / "runs"}


def trained_epochs(method, cached, **changes) -> int:
    """How many epochs a training had: 0 if it was read from the cache."""
    epochs = []
    distill(method, on_epoch=epochs.append, **cached | changes)
    return len(epochs)


def test_an_edited_recipe_is_trained_anew_and_a_read_one_says_so(cached, capsys):
    assert trained_epochs(recipe(), cached) == 1 and capsys.readouterr().out == ""
    assert trained_epochs(recipe(), cached) == 0
    assert "gap, resnet8, seed 0: read from the cache, trained on 20" in capsys.readouterr().out
    assert trained_epochs(recipe(LOSS.replace("pow(power)", "pow(2)")), cached) == 1
    assert trained_epochs(recipe(LOSS + "# a comment"), cached) == 0


def test_an_edited_network_is_trained_anew(cached):
    students = (net_of, net_of, lambda: net_of("x.tanh()"))
    assert [trained_epochs("kd", cached, student=student) for student in students] == [1, 0, 1]
    assert trained_epochs("kd", cached, student=net_of, teacher=lambda: net_of("x.sin()")) == 1
    assert trained_epochs("kd", cached, student=net_of, teacher=lambda: net_of("x.cos()")) == 1


@pytest.mark.filterwarnings("ignore:TF32 acceleration")
def test_other_data_and_another_setting_of_the_process_are_another_run():
    data = tiny_data()
    run, settings = Alone(create_model("resnet8", 3), data), Settings(device="cpu")

    def key(data):
        return _configure(run, {}, {}, data, settings)["config_hash"]

    first, others = key(data), [key(replace(data, mean=(0.5, 0.5, 0.5))), key(replace(data, classes=tuple("abc")))]
    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        torch.set_num_threads(threads + 1)
        others.append(key(data))
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision("medium")
        others.append(key(data))
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
    with torch.backends.mkldnn.flags(enabled=False):
        others.append(key(data))
    assert key(data) == first
    data.train.labels[0] = 2  # written to, in the same object
    assert len({first, *others, key(data)}) == 7


def test_without_a_source_there_is_no_cache_and_it_is_said_once(cached, recwarn):
    names = {"nn": nn}
    exec("class Gap(nn.Module):\n    def forward(self, s, t): return (s - t).pow(2).mean()", names)
    own = Recipe(
        name="own",
        title="Own",
        paper="none",
        knowledge="response",
        tap=lambda features: features.logits,
        build=lambda s, t, context, variant: names["Gap"](),
        variants={"only": Variant(weight=1.0, source="a guess")},
    )
    assert [trained_epochs(own, cached), trained_epochs(own, cached)] == [1, 1]
    assert [str(w.message) for w in recwarn if "cache of runs" in str(w.message)] == [
        "Nothing is kept in the cache of runs: Gap.forward has no source, so that nobody could tell whether it is "
        "still the same. Write it in a file or in a cell of a notebook."
    ]
    assert not cached["cache"].exists()


def test_what_cannot_be_read_is_equal_to_nothing():
    lock = threading.Lock()
    one, other = fingerprint(lock), fingerprint(lock)
    assert one.digest != other.digest and one.unreadable == "a lock cannot be read"
    assert fingerprint(types.SimpleNamespace(a=1)) == fingerprint(types.SimpleNamespace(a=1))


SCRIPT = """
import sys
import torch
from kd_teach import create_model, distill, train_alone
from tests.helpers import tiny_data
import kd_teach
assert kd_teach.__file__.startswith(sys.argv[1]), kd_teach.__file__
epochs = []
how = dict(data=tiny_data(), epochs=1, batch_size=8, device="cpu", cache=sys.argv[1] + "/runs", on_epoch=epochs.append)
torch.manual_seed(0)
result = distill("kd", teacher=lambda: create_model("resnet14", 3), **how)
print("trained", len(epochs), result.history["distil"].iloc[0])
"""


@pytest.mark.system
def test_edits_of_the_package_itself(tmp_path):
    """A copy of the package is edited between processes: what computes is trained anew, what draws is not."""
    shutil.copytree(PACKAGE, tmp_path / "kd_teach")  # with its bytecode, which an edit of another length outdates
    (tmp_path / "tests").mkdir()
    shutil.copy(PACKAGE.parent / "tests" / "helpers.py", tmp_path / "tests")
    os.symlink(PACKAGE.parent / "data", tmp_path / "data")

    def run(hash_seed="0"):
        env = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(tmp_path)], env=env, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[-3:]

    def edit(file, before, after):
        path = tmp_path / "kd_teach" / file
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after, 1))

    _, epochs, first = run()
    assert epochs == "1"
    edit("methods/kd.py", "import torch.nn.functional as F\n", "# a comment\nimport torch.nn.functional as F\n")
    edit("methods/kd.py", '"""KL divergence', '"""The KL divergence')
    edit("plots/bars.py", "\n\n\ndef ", "\n\nUNUSED = 1\n\n\ndef ")
    edit("course/demo.py", "\n\n\ndef ", "\n\nUNUSED = 1\n\n\ndef ")
    assert run(hash_seed="7") == ["trained", "0", first]
    edit(
        "methods/kd.py", "\nRECIPE =", "\nold = KDLoss.forward\nKDLoss.forward = lambda *args: 2 * old(*args)\nRECIPE ="
    )
    _, epochs, second = run()
    assert epochs == "1" and float(second) > 1.5 * float(first)
