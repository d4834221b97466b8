"""Benchmarks: what depth, concurrency and budget buy, on tasks of known shape, with any model or a simulated one."""
