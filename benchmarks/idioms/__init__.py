"""Loops of sub-queries as models write them: how many calls, how many at once, how long, in four designs."""
