"""Modules for numbers: math, cmath, statistics, random, decimal, fractions, operator, hashlib, base64, uuid, zlib."""

from __future__ import annotations

import base64
import cmath
import decimal
import fractions
import hashlib
import math
import operator
import random
import statistics
import uuid
import zlib

from rlm_async.sandbox.handles import touch
from rlm_async.sandbox.policy import arithmetic
from rlm_async.sandbox.policy.attributes import Getattr
from rlm_async.sandbox.policy.facades.tables import Tables, picked
from rlm_async.sandbox.policy.realm import Realm
from rlm_async.sandbox.policy.refusals import PolicyError
from rlm_async.sandbox.policy.sizes import check_bits
from rlm_async.sandbox.policy.sizes import decimal as bounded_decimal
from rlm_async.sandbox.policy.sizes import fraction as bounded_fraction
from rlm_async.sandbox.policy.surfaces import Function

_MATH = """acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh degrees dist e erf erfc exp exp2 expm1
    fabs factorial floor fmod frexp fsum gamma gcd hypot inf isclose isfinite isinf isnan isqrt lcm ldexp lgamma log
    log10 log1p log2 modf nan nextafter pi pow prod radians remainder sin sinh sqrt sumprod tan tanh tau trunc ulp"""
_STATISTICS = """mean fmean geometric_mean harmonic_mean median median_low median_high median_grouped mode multimode
    pstdev pvariance stdev variance quantiles covariance correlation linear_regression StatisticsError"""
_RANDOM = """random randint randrange choice choices sample shuffle uniform seed gauss triangular betavariate
    expovariate normalvariate lognormvariate getrandbits"""
_OPERATOR = """add sub truediv floordiv neg pos abs and_ or_ xor not_ truth eq ne lt le gt ge contains getitem
    itemgetter index invert concat countOf indexOf is_ is_not"""
_HASHES = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "blake2b")
_DECIMAL = """Decimal ROUND_HALF_UP ROUND_HALF_EVEN ROUND_DOWN ROUND_UP ROUND_FLOOR ROUND_CEILING ROUND_HALF_DOWN
    ROUND_05UP InvalidOperation DivisionByZero"""
_BASE64 = """b64encode b64decode urlsafe_b64encode urlsafe_b64decode b32encode b32decode b16encode b16decode
    standard_b64encode standard_b64decode"""
_FEWEST = 2


def modules(realm: Realm, read: Getattr) -> Tables:
    """The tables of these modules."""
    realm.errors.update({statistics.StatisticsError, decimal.InvalidOperation, decimal.DivisionByZero})
    realm.substitutes.update({decimal.Decimal: bounded_decimal, fractions.Fraction: bounded_fraction})
    chance = random.Random()  # noqa: S311  # a generator of this namespace's own, for sampling
    return {
        "math": picked(math, _MATH) | {"comb": _comb, "perm": _perm},
        "cmath": picked(cmath, "e exp isclose log log10 phase pi polar rect sqrt inf nan"),
        "statistics": picked(statistics, _STATISTICS),
        "random": {name: getattr(chance, name) for name in _RANDOM.split()}
        | {"Random": random.Random, "getrandbits": _getrandbits(chance)},
        "decimal": picked(decimal, _DECIMAL),
        "fractions": {"Fraction": fractions.Fraction},
        "operator": picked(operator, _OPERATOR) | {
            "mul": arithmetic.multiply, "pow": arithmetic.power, "lshift": arithmetic.shift, "mod": arithmetic.modulo,
            "attrgetter": _attrgetter(realm, read),
        },
        "hashlib": {name: _hasher(getattr(hashlib, name)) for name in _HASHES},
        "base64": picked(base64, _BASE64),
        "uuid": {"UUID": uuid.UUID, "uuid4": lambda: uuid.UUID(int=chance.getrandbits(128), version=4)},
        "zlib": picked(zlib, "crc32 adler32"),
    }  # fmt: skip


def replaced() -> dict[tuple[type, str], Function]:
    """Methods of these modules' types that are bounded."""

    def getrandbits(chance: random.Random, count: int) -> int:
        check_bits(count)
        return chance.getrandbits(count)

    return {(random.Random, "getrandbits"): getrandbits}


def _getrandbits(chance: random.Random) -> Function:
    def getrandbits(count: int) -> int:
        check_bits(count)
        return chance.getrandbits(count)

    return getrandbits


def _hasher(plain: Function) -> Function:
    def make(data: bytes = b"", *, usedforsecurity: bool = True) -> object:
        return plain(data, usedforsecurity=usedforsecurity)

    return make


def _comb(items: int, chosen: int) -> int:
    if isinstance(items, int) and isinstance(chosen, int):
        check_bits(min(chosen, items - chosen) * max(items.bit_length(), 1) if items >= chosen else 0)
    return math.comb(items, chosen)


def _perm(items: int, chosen: int | None = None) -> int:
    if chosen is None:
        return math.factorial(items)
    if isinstance(items, int) and isinstance(chosen, int):
        check_bits(chosen * items.bit_length())
    return math.perm(items, chosen)


def _attrgetter(realm: Realm, read: Getattr) -> Function:
    """`operator.attrgetter`, reading through the guard."""

    def attrgetter(*names: object) -> Function:
        paths = [name.split(".") if type(name) is str else _no_name() for name in names]

        def get(owner: object) -> object:
            found = tuple(_walk(read, owner, path) for path in paths)
            return found[0] if len(found) < _FEWEST else found

        for path in paths:
            for part in path:
                if part.startswith("__"):
                    raise PolicyError(f'the attribute "{part}" is not available')
        return realm.admit(get)

    return attrgetter


def _no_name() -> list[str]:
    raise PolicyError("attribute names must be plain strings")


def _walk(read: Getattr, owner: object, path: list[str]) -> object:
    for name in path:
        owner = read(touch(owner), name)
    return owner
