"""A REPL in this process whose copies are real forks of it, and a host that keeps what they find."""

from __future__ import annotations

import os

from rlm_async.sandbox.interpreter import Interpreter, Settings
from rlm_async.sandbox.runahead import RunAhead
from rlm_async.sandbox.runahead_scout import Copies
from tests.sandbox.runtime.runtime_fakes import FakeLink, echo


class AheadLink(FakeLink):
    """Every wait is a long one, and a copy has always ended before the reply comes; so nothing depends on time."""

    def __init__(self, answer=echo, order=min):
        super().__init__(answer, order)
        self.hints = []
        self._foreseen = {}

    @property
    def hinted(self):
        return [payload["prompt"] for payload, _ in self.hints]

    def arrived(self, *tickets):
        return any(ticket in self._replies for ticket in tickets)

    def wait_for(self, tickets, seconds, also=-1):
        return self.arrived(*tickets)

    def hint(self, payload, *, sure):
        self.hints.append((payload, sure))
        reply = self.answer("query", payload)
        if reply["error"] is None:
            self._foreseen[len(self.hints)] = reply["value"]
        return len(self.hints)

    def foreseen(self):
        found, self._foreseen = self._foreseen, {}
        return found


class ForkScout(Copies):
    """One fork instead of two: nobody in here is hostile, and there is no jail."""

    def __init__(self):
        super().__init__(lambda: None, 1 << 20, 0)
        self.forks = 0

    def fork(self):
        self.stop()
        out, findings = os.pipe()
        pid = os.fork()
        if pid:
            os.close(findings)
            self.out, self._keeper = out, pid
            self.forks += 1
            return False
        os.close(out)
        self.out, self._keeper = findings, 0
        return True


class AheadRepl:
    """As `Repl`, with run-ahead."""

    def __init__(self, context="some text", link=None, **settings):
        self.link = link or AheadLink()
        self.scout = ForkScout()
        window = settings.get("window", 64)
        self.ahead = RunAhead(self.link, self.scout, window)
        self.interpreter = Interpreter(context, self.ahead, Settings(**settings))

    def run(self, source):
        """One cell; its whole result. A copy never comes out of it."""
        me = os.getpid()
        try:
            return self.interpreter.run(source)
        finally:
            if os.getpid() != me:
                os._exit(3)
            self.ahead.end()

    def variables(self):
        return self.interpreter._space.variables()
