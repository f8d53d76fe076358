"""What belongs to the course alone: lessons, exercises, widgets, the demo, the classroom."""
