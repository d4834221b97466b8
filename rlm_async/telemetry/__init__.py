"""Views of a run's events for the tools that people already run: OpenTelemetry spans and metrics; and the run's page."""
