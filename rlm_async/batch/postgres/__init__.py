"""Batches over many machines: items, results, leases and rates are rows of one PostgreSQL database."""
