"""kd_teach: fourteen knowledge distillation methods to read, run and see."""

from importlib.metadata import version

__version__ = version("kd-teach")

from kd_teach import plots
from kd_teach.data import Batch, Data, list_data, load_data
from kd_teach.describe import Card, describe
from kd_teach.distiller import Alone, Distiller
from kd_teach.evaluation import predict
from kd_teach.experiment import distill, train_alone
from kd_teach.features import Features
from kd_teach.invariances import invariances
from kd_teach.legality import legality
from kd_teach.lessons import Lesson, lesson
from kd_teach.methods import get_recipe, list_methods
from kd_teach.models import create_model, list_models, tapped
from kd_teach.optimisation import Settings
from kd_teach.recipe import Context, Phase, Recipe, Variant
from kd_teach.runs import Result, load_run
from kd_teach.teachers import list_teachers, load_teacher, teacher_card
from kd_teach.training import Record, train

__all__ = [
    "Alone",
    "Batch",
    "Card",
    "Context",
    "Data",
    "Distiller",
    "Features",
    "Lesson",
    "Phase",
    "Recipe",
    "Record",
    "Result",
    "Settings",
    "Variant",
    "create_model",
    "describe",
    "distill",
    "get_recipe",
    "invariances",
    "legality",
    "lesson",
    "list_data",
    "list_methods",
    "list_models",
    "list_teachers",
    "load_data",
    "load_run",
    "load_teacher",
    "plots",
    "predict",
    "tapped",
    "teacher_card",
    "train",
    "train_alone",
]
