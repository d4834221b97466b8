"""recursive-llm (github.com/grishahq/recursive-llm): asyncio and litellm, RestrictedPython in a worker process."""

import asyncio

from rlm import RLM


def asker(url, depth):
    def ask(question):
        rlm = RLM(
            "openai/recursive-llm",
            api_base=f"{url}/v1",
            api_key="none",
            max_depth=depth,
            repl_timeout=120,
            max_concurrent_subcalls=4,  # its default: with 64 a batch of 16 never ends on two cores (its threads run out)
        )
        return asyncio.run(rlm.acomplete(question, "a context of a few words"))

    return ask
