"""rlms, the reference implementation (A. Zhang; github.com/alexzhang13/rlm): threads, code in this process."""

from rlm import RLM


def asker(url, depth):
    def ask(question):
        model = {"model_name": "rlms", "base_url": f"{url}/v1", "api_key": "none"}
        rlm = RLM(
            backend="openai", backend_kwargs=model, max_depth=depth, max_iterations=30, max_concurrent_subcalls=64
        )
        return rlm.completion(prompt="a context of a few words", root_prompt=question).response

    return ask
