"""How one query is answered: by a REPL, in one call, by a program of ours, or by whichever fits."""
