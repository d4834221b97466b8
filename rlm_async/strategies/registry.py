"""The strategies that come with the package, by name."""

from __future__ import annotations

from collections.abc import Mapping

from rlm_async.ports import Folding, Strategy
from rlm_async.strategies.auto import Auto
from rlm_async.strategies.direct import Direct
from rlm_async.strategies.folding import Elide
from rlm_async.strategies.guided import Guided
from rlm_async.strategies.repl import Repl
from rlm_async.strategies.rules import AUTO, is_auto, rules_of, shipped


def strategies(folding: Folding | None = None, named: str = AUTO) -> Mapping[str, Strategy]:
    """`auto`, `direct`, `guided` and `repl`; those of plugins are added by whoever composes a run.

    `folding` is what `repl` does with a history that fills the window; by default outputs are left out.
    `named` is the strategy that a caller wants: `auto:FILE` is there too, then, going by the rules of that file.
    Raises ConfigError for rules that cannot be read.
    """
    known: dict[str, Strategy] = {"direct": Direct(), "guided": Guided(), "repl": Repl(folding or Elide())}
    chosen = {named: Auto(known, rules_of(named))} if is_auto(named) else {}
    return {AUTO: Auto(known, shipped()), **chosen, **known}
