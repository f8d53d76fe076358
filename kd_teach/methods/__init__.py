"""The distillation methods, one file each. To add one, write its file and add its name to `METHODS`."""

from importlib import import_module

from kd_teach.errors import unknown
from kd_teach.methods.fitnet import HintLoss
from kd_teach.methods.kd import KDLoss, soften
from kd_teach.recipe import Recipe

METHODS = ("kd", "fitnet")  # in reading order

__all__ = ["METHODS", "HintLoss", "KDLoss", "get_recipe", "list_methods", "soften"]


def list_methods() -> list[str]:
    """Names of the methods, in reading order."""
    return list(METHODS)


def get_recipe(name: str) -> Recipe:
    """What the method called `name` declares about itself. An unknown name gets the list and the nearest one."""
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    return import_module(f"kd_teach.methods.{name}").RECIPE
