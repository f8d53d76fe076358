"""Studies: many runs, one table, an honest verdict.

`grid` turns a TOML file into cells, `cells` carries one of them out, `runner` all of them: here, in processes, or on a
Dask cluster (`cluster`). What comes out is one CSV with a row per cell.
"""

from kd_teach.study.cells import CONTROLS, Cell
from kd_teach.study.grid import Study, flag_study, list_studies, load_study, make_study
from kd_teach.study.run_cell import COLUMNS, carry_out
from kd_teach.study.runner import StudyResult, run_study

__all__ = [
    "COLUMNS",
    "CONTROLS",
    "Cell",
    "Study",
    "StudyResult",
    "carry_out",
    "flag_study",
    "list_studies",
    "load_study",
    "make_study",
    "run_study",
]
