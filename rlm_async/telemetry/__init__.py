"""Views of a run's events for the tools that people already run: spans, metrics; and the page of a run."""
