"""Functions of the host behind a wrapper: their own errors reach code only if they are meant to."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import TracebackType

from rlm_async.sandbox.policy.realm import Realm
from rlm_async.sandbox.policy.refusals import PolicyError
from rlm_async.sandbox.policy.surfaces import HostFunction


def host_function(realm: Realm, name: str, function: Callable[..., object]) -> HostFunction:
    """The function as code may have it."""
    signature = _signature(function)

    def run(*arguments: object, **named: object) -> object:
        problem: Exception
        try:
            return function(*arguments, **named)
        except Exception as error:  # the border: what the host did not mean to say stays here
            if _is_meant(realm, error):
                raise
            problem = _explained(signature, name, error, (arguments, named))
        raise problem

    run.__name__ = run.__qualname__ = name
    return HostFunction(name, run)


def _signature(function: Callable[..., object]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def _is_meant(realm: Realm, error: Exception) -> bool:
    """Whether the error is one for code: a listed type, a refusal, or raised by code that the function called."""
    if isinstance(error, PolicyError | MemoryError | RecursionError) or type(error) in realm.own:
        return True
    return _is_listed(realm, error) or _from_code(realm, error.__traceback__)


def _is_listed(realm: Realm, error: Exception) -> bool:
    return any(kind in realm.listed for kind in type(error).__mro__)


def _from_code(realm: Realm, traceback: TracebackType | None) -> bool:
    while traceback is not None:
        if traceback.tb_frame.f_globals is realm.scope:
            return True
        traceback = traceback.tb_next
    return False


def _explained(
    signature: inspect.Signature | None,
    name: str,
    error: Exception,
    given: tuple[tuple[object, ...], dict[str, object]],
) -> Exception:
    """An error of ours: what is wrong with the arguments, or that the function failed."""
    if isinstance(error, TypeError) and signature is not None:
        try:
            signature.bind(*given[0], **given[1])
        except TypeError as mismatch:
            return TypeError(f"{name}(): {mismatch}")
    return RuntimeError(f"{name}() failed with {type(error).__name__}")
