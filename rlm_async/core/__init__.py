"""Plain values and the two ledgers of a run, graph and budget: no await, no clock, no chance, no I/O."""
