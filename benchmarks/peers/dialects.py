"""The dialects by the name of the model that is asked for: each framework is told programs as it wants them."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.peers.plays import OURS, Dialect, block


def as_is(code: str) -> str:
    return code


def dspy_fields(code: str) -> str:
    """The fields of DSPy's chat adapter."""
    code = f"```python\n{code}\n```"
    return f"[[ ## reasoning ## ]]\nnext\n\n[[ ## code ## ]]\n{code}\n\n[[ ## completed ## ]]"


DIALECTS: dict[str, Dialect] = {
    "m": OURS,
    "rlms": OURS,
    "recursive-llm": Dialect(
        fence=as_is,
        final="print('[[' + 'total ' + str(total) + ']]')",
        last="FINAL_VAR(total)",
        one="recursive_llm({prompt}, '')",
    ),
    "recursive-flow": replace(
        OURS,
        final="done(str(total))",
        one="llm_query_batched([{prompt}])[0]",
        children="await launch_subagents([{{'name': f'n{{i}}', 'query': p}} for i, p in enumerate({prompts})])",
    ),
    "minrlm": Dialect(
        fence=block("python"),
        final="FINAL(str(total))",
        one="sub_llm({prompt}, '')",
        batch="sub_llm_batch([(p, '') for p in {prompts}])",
        prelude="search(input_0, 'context')\n",
    ),
    "dspy": Dialect(fence=dspy_fields, final="SUBMIT(str(total))"),
}


def dialect_of(model: str) -> Dialect:
    """The dialect of a model's name, with or without a provider before it; ours where it is not known."""
    return DIALECTS.get(model.rpartition("/")[2], OURS)
