"""Which names code may use: ordinary ones, `_private` ones, and a short list of special methods.

The guards' own names start with `$`, which no identifier can contain, not even after Unicode
normalisation: no form of binding can reach them.
"""

from __future__ import annotations

SPELLS_GUARD = "$"


def guard(name: str) -> str:
    """The name under which a guard stands in the namespace."""
    return SPELLS_GUARD + name


SAFE_DUNDERS = frozenset(
    """__init__ __post_init__ __repr__ __str__ __format__ __bytes__ __hash__ __bool__ __call__
    __len__ __iter__ __next__ __reversed__ __contains__ __getitem__ __setitem__ __delitem__ __missing__
    __enter__ __exit__ __aenter__ __aexit__ __aiter__ __anext__
    __eq__ __ne__ __lt__ __le__ __gt__ __ge__
    __add__ __radd__ __iadd__ __sub__ __rsub__ __isub__ __mul__ __rmul__ __imul__ __truediv__ __rtruediv__
    __itruediv__ __floordiv__ __rfloordiv__ __mod__ __rmod__ __pow__ __rpow__ __divmod__ __matmul__ __rmatmul__
    __and__ __rand__ __iand__ __or__ __ror__ __ior__ __xor__ __rxor__ __ixor__ __lshift__ __rshift__
    __neg__ __pos__ __abs__ __invert__ __int__ __float__ __complex__ __index__ __round__ __trunc__ __floor__
    __ceil__ __slots__ __doc__""".split()  # noqa: SIM905  # a table of names reads best as words
)
"""Special names that a class body may bind."""

CALLED_DUNDERS = frozenset(
    """__init__ __post_init__ __repr__ __str__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __len__ __iter__
    __next__ __contains__ __getitem__ __setitem__ __delitem__ __call__ __enter__ __exit__ __add__ __sub__ __mul__
    __bool__ __format__ __aenter__ __aexit__""".split()  # noqa: SIM905  # as above
)
"""Special methods that code may call by name, on `super()` or on a class: `Base.__init__(self)`."""

TEXT_DUNDERS = frozenset({"__name__", "__qualname__", "__doc__", "__module__"})
"""Attributes that are only ever text."""

INTERNALS = frozenset(
    """gi_code gi_frame gi_running gi_suspended gi_yieldfrom cr_await cr_code cr_frame cr_origin cr_running ag_await
    ag_code ag_frame ag_running tb_frame tb_lasti tb_lineno tb_next f_back f_builtins f_code f_globals f_lasti f_lineno
    f_locals f_trace co_code co_consts co_filename co_flags co_names co_varnames func_closure func_code func_globals
    func_name im_class im_func im_self mro obj send throw with_traceback""".split()  # noqa: SIM905  # as above
)
"""Attributes of the interpreter's own objects. What holds them was replaced by something inert, or cannot be had."""

KEPT = frozenset({"print"})
"""Names that code may not bind: its output would lie."""

HOST_FUNCTIONS = frozenset({"llm_query", "llm_query_batched", "rlm_query", "rlm_query_batched"})
"""May be assigned to (that shadows them for the block), and nothing more roundabout."""


def is_dunder(name: str) -> bool:
    """Whether it is one of Python's own names, `__so__`."""
    return name.startswith("__") and name.endswith("__") and len(name) > len("____")


def is_guard_like(name: str) -> bool:
    """Whether it has the shape `_so_` that RestrictedPython gives to guards."""
    return len(name) > len("__") and name[0] == "_" == name[-1] and not name.startswith("__")


def is_hidden(name: str) -> bool:
    """Whether a name of a namespace is ours, not one of the code's variables."""
    return name.startswith(SPELLS_GUARD) or is_dunder(name)


def mangled(name: str, class_name: str | None) -> str:
    """`__x` as Python spells it inside a class; other names unchanged."""
    if class_name is None or not name.startswith("__") or name.endswith("__"):
        return name
    stripped = class_name.lstrip("_")
    return f"_{stripped}{name}" if stripped else name
