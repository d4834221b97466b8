"""Virtual time for the rings: hours of waiting take no time, on both event loops."""

import pytest
import trio.testing

from rlm_async.testing import VirtualLoop


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    if request.param == "trio":
        return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}
    return "asyncio", {"loop_factory": VirtualLoop}
