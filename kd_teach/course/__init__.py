"""What belongs to the course alone: lessons, exercises, widgets, the demo, the classroom."""

from kd_teach.course.page import answer as answer

# The methods that have a lesson (notebook, exercises, widget), in its order. A method can do without.
TAUGHT = ("kd", "fitnet", "at", "sp", "cc", "vid", "rkd", "pkt", "ab", "ft", "fsp", "nst", "crd", "ofd")
