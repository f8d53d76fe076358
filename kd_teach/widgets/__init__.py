"""Pictures with handles: sliders and pickers around `kd_teach.plots`, one file per method.

Each function returns an ipywidget. Without a kernel it shows a picture of a few settings instead.
"""

from kd_teach.widgets.explorer import Explorer

__all__ = ["Explorer"]
