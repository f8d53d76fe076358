"""Pictures with handles: sliders and pickers around `kd_teach.plots`, one file per method.

Each function returns an ipywidget. Without a kernel it shows a picture of a few settings instead; without data it makes
a small example up. Half of the data, or shapes and counts that do not fit, are a ValueError that says what came.
"""

from kd_teach.course.widgets.ab import ab_widget
from kd_teach.course.widgets.at import at_widget
from kd_teach.course.widgets.cc import cc_widget
from kd_teach.course.widgets.compare import compare_widget
from kd_teach.course.widgets.crd import crd_widget
from kd_teach.course.widgets.explorer import Explorer
from kd_teach.course.widgets.fitnet import fitnet_widget
from kd_teach.course.widgets.fsp import fsp_widget
from kd_teach.course.widgets.ft import ft_widget
from kd_teach.course.widgets.kd import kd_widget
from kd_teach.course.widgets.nst import nst_widget
from kd_teach.course.widgets.ofd import ofd_widget
from kd_teach.course.widgets.pkt import pkt_widget
from kd_teach.course.widgets.points import Points
from kd_teach.course.widgets.rkd import rkd_widget
from kd_teach.course.widgets.sp import sp_widget
from kd_teach.course.widgets.vid import vid_widget

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
