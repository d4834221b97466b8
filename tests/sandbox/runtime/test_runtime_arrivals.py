"""A reply may come in at any moment: between any two looks at the wire, the program goes on as it should."""

import pytest

from tests.sandbox.runtime.runtime_fakes import FakeLink, Repl
from tests.sandbox.runtime.test_runtime_tasks import CONTEXT, SHAPES

PLAIN = {
    "one value": "print(llm_query('a').strip())",
    "a helper of its own": "def f(x):\n    r = llm_query(x)\n    if isinstance(r, str):\n        return r.strip()\nprint(f('a'), f('b'))",
    "a branch": "n = 0\nfor c in context:\n    if 'yes' in llm_query(c):\n        n += 1\nprint(n)",
    "first of some": "print(first([spawn(llm_query, c) for c in context[:3]]).strip()[:3])",
    "an error that is caught": "try:\n    llm_query('FAIL')\nexcept ModelUnavailable as e:\n    print(e)",
}


class PunctualLink(FakeLink):
    """The reply to each call is there from the `look`-th time on that somebody asks for it."""

    def __init__(self, look):
        super().__init__()
        self.look = look
        self.looks = {}

    def ready(self, ticket):
        self.looks[ticket] = self.looks.get(ticket, 0) + 1
        if self.looks[ticket] >= self.look and ticket in self._open:
            self._replies[ticket] = self.answer(*self._open.pop(ticket))
        return super().ready(ticket)


@pytest.mark.parametrize("name", [*PLAIN, *SHAPES])
def test_a_reply_is_seen_whenever_it_comes(name):
    source = PLAIN[name] if name in PLAIN else SHAPES[name][0]
    expected = Repl(CONTEXT).run(source)
    for look in range(1, 9):
        repl = Repl(CONTEXT, PunctualLink(look))
        assert repl.run(source) == expected, f"where it is there at look {look}"
        assert repl.link.left == 0
