"""The tables, in a schema of their own beside procrastinate's."""

from __future__ import annotations

SCHEMA = "rlm_async"
LOCK = 0x726C6D
"""The advisory lock of whoever makes the tables, or takes over what dead workers had in hand."""
TASK = "rlm_async.item"

TABLES = """
CREATE TABLE IF NOT EXISTS rlm_batches (
    batch text PRIMARY KEY,
    job text NOT NULL,
    total jsonb NOT NULL,
    each_item jsonb NOT NULL,
    spent jsonb NOT NULL
);
CREATE TABLE IF NOT EXISTS rlm_items (
    batch text NOT NULL,
    item text NOT NULL,
    record text NOT NULL,
    deaths integer NOT NULL DEFAULT 0,
    PRIMARY KEY (batch, item)
);
CREATE TABLE IF NOT EXISTS rlm_leases (
    batch text NOT NULL,
    item text NOT NULL,
    worker bigint NOT NULL,
    amounts jsonb NOT NULL,
    PRIMARY KEY (batch, item)
);
CREATE TABLE IF NOT EXISTS rlm_results (
    batch text NOT NULL,
    item text NOT NULL,
    record text NOT NULL,
    settled boolean NOT NULL,
    delivered boolean NOT NULL DEFAULT false,
    PRIMARY KEY (batch, item)
);
CREATE INDEX IF NOT EXISTS rlm_results_waiting ON rlm_results (batch) WHERE NOT delivered;
CREATE TABLE IF NOT EXISTS rlm_rates (
    batch text NOT NULL,
    model text NOT NULL,
    requests double precision NOT NULL DEFAULT 0,
    tokens double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (batch, model)
);
"""
