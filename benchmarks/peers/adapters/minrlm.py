"""minrlm (github.com/avilum/minrlm): one level of sub-calls, code in this process."""

from minrlm import RLM


def asker(url, depth):
    if depth > 1:
        raise NotImplementedError("one level of sub-calls")

    def ask(question):
        rlm = RLM(
            model="minrlm",
            api_key="none",
            base_url=f"{url}/v1",
            max_iterations=30,
            max_time_seconds=600,
            max_sub_llm_calls=100_000,
        )
        return str(rlm.completion(question, "a context of a few words").response)

    return ask
