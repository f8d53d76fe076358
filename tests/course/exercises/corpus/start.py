"""Right and wrong programs for the exercises of `start`."""
