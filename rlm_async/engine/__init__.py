"""One query's world: its graph, its tasks, its frames. Read `run` first."""
