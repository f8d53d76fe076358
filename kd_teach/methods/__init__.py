"""The distillation methods, one file each. To add one, write its file and add its name to `METHODS`."""

from importlib import import_module

import pandas as pd

from kd_teach._support.errors import unknown
from kd_teach.methods.ab import ABLoss, sign_agreement
from kd_teach.methods.at import ATLoss, GradientATLoss, attention_map, input_gradient
from kd_teach.methods.cc import CCLoss, correlation_matrix
from kd_teach.methods.changes import CHANGES
from kd_teach.methods.crd import CRDLoss, mutual_information_bound
from kd_teach.methods.fitnet import HintLoss
from kd_teach.methods.fsp import FSPLoss, fsp_matrix
from kd_teach.methods.ft import FTLoss, collapsed_distance, factor_distance
from kd_teach.methods.kd import KDLoss, soften
from kd_teach.methods.nst import NSTLoss
from kd_teach.methods.ofd import OFDLoss, batch_margin, bn_margin, partial_distance
from kd_teach.methods.pkt import PKTLoss, neighbour_probabilities
from kd_teach.methods.recipe import Recipe
from kd_teach.methods.rkd import RKDLoss, angles, distance_ratios
from kd_teach.methods.sp import SPLoss, similarity_matrix
from kd_teach.methods.vid import VIDLoss

# In reading order:
METHODS = ("kd", "fitnet", "at", "sp", "cc", "vid", "rkd", "pkt", "ab", "ft", "fsp", "nst", "crd", "ofd")

__all__ = [
    "METHODS",
    "ABLoss",
    "ATLoss",
    "CCLoss",
    "CRDLoss",
    "FSPLoss",
    "FTLoss",
    "GradientATLoss",
    "HintLoss",
    "KDLoss",
    "NSTLoss",
    "OFDLoss",
    "PKTLoss",
    "RKDLoss",
    "SPLoss",
    "VIDLoss",
    "angles",
    "attention_map",
    "batch_margin",
    "bn_margin",
    "collapsed_distance",
    "correlation_matrix",
    "distance_ratios",
    "factor_distance",
    "fsp_matrix",
    "get_recipe",
    "input_gradient",
    "invariances",
    "list_methods",
    "mutual_information_bound",
    "neighbour_probabilities",
    "partial_distance",
    "sign_agreement",
    "similarity_matrix",
    "soften",
]


def list_methods() -> list[str]:
    """Names of the methods, in reading order."""
    return list(METHODS)


def get_recipe(name: str) -> Recipe:
    """What the method called `name` declares about itself. An unknown name gets the list and the nearest one."""
    if name not in list_methods():
        raise unknown("method", str(name), METHODS)
    return import_module(f"kd_teach.methods.{name}").RECIPE


def invariances() -> pd.DataFrame:
    """What each loss cannot see: a row per method and variant, a column per change of `changes.CHANGES`."""
    blind = {(name, word): variant.blind_to for name in METHODS for word, variant in get_recipe(name).variants.items()}
    rows = [
        ["?" if seen is None else "yes" if change in seen else "–" for change in CHANGES] for seen in blind.values()
    ]
    return pd.DataFrame(
        rows, index=pd.MultiIndex.from_tuples(blind, names=["method", "variant"]), columns=list(CHANGES)
    )
