"""The standard library as model-written code sees it: for each module a table of names, and never the module."""
