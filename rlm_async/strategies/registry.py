"""The strategies that come with the package, by name."""

from __future__ import annotations

from collections.abc import Mapping

from rlm_async.ports import Folding, Strategy
from rlm_async.strategies.auto import Auto
from rlm_async.strategies.direct import Direct
from rlm_async.strategies.folding import Elide
from rlm_async.strategies.guided import Guided
from rlm_async.strategies.repl import Repl
from rlm_async.strategies.rules import Rules, shipped


def strategies(folding: Folding | None = None, rules: Rules | None = None) -> Mapping[str, Strategy]:
    """`auto`, `direct`, `guided` and `repl`; those of plugins are added by whoever composes a run.

    `folding` is what `repl` does with a history that fills the window; by default outputs are left out.
    `rules` are what `auto` goes by; by default those that come with the package.
    """
    named: dict[str, Strategy] = {"direct": Direct(), "guided": Guided(), "repl": Repl(folding or Elide())}
    return {"auto": Auto(named, rules or shipped()), **named}
