"""What answers a request: clients of providers, and the rings around them (see docs/adr/0006-model-rings.md)."""
