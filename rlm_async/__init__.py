"""rlm-async: recursive language models on one event loop."""
