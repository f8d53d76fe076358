"""From names to a trained student: binding, the only loop, run folders, teachers, and a method's facts in words."""
