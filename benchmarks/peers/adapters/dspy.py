"""dspy.RLM (github.com/stanfordnlp/dspy), with its local interpreter: its default, Deno, fetches code when it starts."""

import dspy
from dspy.primitives.local_interpreter import LocalInterpreter


def asker(url, depth):
    if depth > 1:
        raise NotImplementedError("one level of sub-calls")
    dspy.configure(lm=dspy.LM("openai/dspy", api_base=f"{url}/v1", api_key="none", cache=False), async_max_workers=64)

    def ask(question):
        program = dspy.RLM(
            "context, question -> answer", max_iters=30, max_llm_calls=10_000, interpreter_factory=LocalInterpreter
        )
        return str(program(context="a context of a few words", question=question).answer)

    return ask
