"""Pictures with handles: sliders and pickers around `kd_teach.plots`, one file per method.

Each function returns an ipywidget. Without a kernel it shows a picture of a few settings instead.
"""

from kd_teach.widgets.ab import ab_widget
from kd_teach.widgets.at import at_widget
from kd_teach.widgets.cc import cc_widget
from kd_teach.widgets.compare import compare_widget
from kd_teach.widgets.crd import crd_widget
from kd_teach.widgets.explorer import Explorer
from kd_teach.widgets.fitnet import fitnet_widget
from kd_teach.widgets.fsp import fsp_widget
from kd_teach.widgets.ft import ft_widget
from kd_teach.widgets.kd import kd_widget
from kd_teach.widgets.nst import nst_widget
from kd_teach.widgets.ofd import ofd_widget
from kd_teach.widgets.pkt import pkt_widget
from kd_teach.widgets.points import Points
from kd_teach.widgets.rkd import rkd_widget
from kd_teach.widgets.sp import sp_widget
from kd_teach.widgets.vid import vid_widget

__all__ = [
    "Explorer",
    "Points",
    "ab_widget",
    "at_widget",
    "cc_widget",
    "compare_widget",
    "crd_widget",
    "fitnet_widget",
    "fsp_widget",
    "ft_widget",
    "kd_widget",
    "nst_widget",
    "ofd_widget",
    "pkt_widget",
    "rkd_widget",
    "sp_widget",
    "vid_widget",
]
