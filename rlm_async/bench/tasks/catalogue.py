"""All tasks by name, and what the simulated model may know of their items."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rlm_async.bench.corpora import Corpora, messages, requests, trec
from rlm_async.bench.sim.knowledge import Knowledge
from rlm_async.bench.tasks.chain import chain
from rlm_async.bench.tasks.contracts import contracts
from rlm_async.bench.tasks.nested import labels_of, nested
from rlm_async.bench.tasks.oolong import oolong
from rlm_async.bench.tasks.pairs import pairs
from rlm_async.bench.tasks.sniah import sniah
from rlm_async.bench.windows import Task
from rlm_async.errors import ConfigError

TASKS = ("sniah", "oolong_trec", "oolong_pairs", "cuad_corpus", "nested_oolong", "babi_chain")

_PLAIN: dict[str, Callable[[Corpora], Task]] = {
    "sniah": sniah,
    "oolong_trec": oolong,
    "oolong_pairs": pairs,
    "nested_oolong": nested,
    "babi_chain": chain,
}
_LABELLED = {"oolong_trec": (trec,), "oolong_pairs": (trec,), "nested_oolong": (trec, messages, requests)}


def opened(names: Sequence[str], corpora: Corpora) -> tuple[dict[str, Task], Knowledge]:
    """The tasks of those names, and the gold labels of their items. Raises ConfigError for an unknown name."""
    tasks: dict[str, Task] = {}
    known = Knowledge()
    for name in dict.fromkeys(names):
        if name == "cuad_corpus":
            tasks[name], own = contracts(corpora)
            known = known.joined(own)
        elif name in _PLAIN:
            tasks[name] = _PLAIN[name](corpora)
            sources = [corpora.labelled(read) for read in _LABELLED.get(name, ())]
            known = known.joined(Knowledge(labels=labels_of(sources)))
        else:
            raise ConfigError(f"there is no task {name!r}; choose one of: {', '.join(TASKS)}")
    return tasks, known
