"""Journaled runs as training data: what each node's model was shown, what it wrote, and what came of it.

Read `reading` first: a run is played again from its journal, and a ring around the playback hears every request.
"""
