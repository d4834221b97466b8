"""The tasks: one for each shape in which an answer depends on what was read."""
