"""Faster forms of the equations that need them, of the same name and signature as in `kd_teach.methods`."""
