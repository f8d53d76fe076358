"""For a teacher with a class: notebooks, nbgrader assignments, and a folder for a room without Wi-Fi."""

from kd_teach.course.classroom.offline import pack
from kd_teach.course.classroom.write import write_classroom

__all__ = ["pack", "write_classroom"]
