"""recursive-flow (github.com/shyamsn97/recursive-flow): an execution graph stepped by threads, code in this process."""

import os
import tempfile

import rflow


def asker(url, depth):
    os.environ["OPENAI_BASE_URL"], os.environ["OPENAI_API_KEY"] = f"{url}/v1", "none"

    def ask(question):
        with tempfile.TemporaryDirectory() as folder:
            flow = rflow.Flow(
                rflow.OpenAIClient(model="recursive-flow"),
                runtime=rflow.LocalRuntime(working_directory=folder),
                max_depth=depth,
                max_iters=30,
                max_concurrency=64,
                llm_max_concurrency=64,
                eager_children=True,
            )
            graph = flow.start(question)
            while not graph.finished:
                graph = flow.step(graph)
            return str(graph.result())

    return ask
