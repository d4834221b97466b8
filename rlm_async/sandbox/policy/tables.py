"""The allow-list of attributes by type: what is not in these tables does not exist for model-written code."""

from __future__ import annotations

import calendar
import collections
import csv
import datetime as dt
import decimal
import difflib
import fractions
import functools
import hashlib
import io
import itertools
import operator
import random
import re
import statistics
import string
import time
import types
import urllib.parse
import uuid
from collections.abc import Mapping
from types import MappingProxyType

_INT = "as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag numerator real to_bytes is_integer"
_SEQUENCE = "count index"
_BYTES = """capitalize center count decode endswith expandtabs find fromhex hex index isalnum isalpha isascii isdigit
    islower isspace istitle isupper join ljust lower lstrip maketrans partition removeprefix removesuffix replace rfind
    rindex rjust rpartition rsplit rstrip split splitlines startswith strip swapcase title translate upper zfill"""
_STR = """capitalize casefold center count encode endswith expandtabs find format format_map index isalnum isalpha
    isascii isdecimal isdigit isidentifier islower isnumeric isprintable isspace istitle isupper join ljust lower lstrip
    maketrans partition removeprefix removesuffix replace rfind rindex rjust rpartition rsplit rstrip split splitlines
    startswith strip swapcase title translate upper zfill"""
_LIST = "append clear copy count extend index insert pop remove reverse sort"
_DICT = "clear copy fromkeys get items keys pop popitem setdefault update values"
_FROZENSET = "copy difference intersection isdisjoint issubset issuperset symmetric_difference union"
_SET = f"""{_FROZENSET} add clear difference_update discard intersection_update pop remove
    symmetric_difference_update update"""
_DEQUE = """append appendleft clear copy count extend extendleft index insert maxlen pop popleft remove reverse
    rotate"""
_DATE = """ctime day fromisocalendar fromisoformat fromordinal fromtimestamp isocalendar isoformat isoweekday max min
    month replace resolution strftime timetuple today toordinal weekday year"""
_TIME = """dst fold fromisoformat hour isoformat max microsecond min minute replace resolution second strftime tzinfo
    tzname utcoffset"""
_DATETIME = (
    f"{_DATE} {_TIME} astimezone combine date now strptime time timestamp timetz utcfromtimestamp utcnow utctimetuple"
)
_STRINGIO = "close closed flush getvalue read readline readlines seek tell truncate write writelines"
_DECIMAL = """adjusted as_integer_ratio as_tuple compare copy_abs copy_negate copy_sign exp is_finite is_infinite
    is_nan is_signed is_zero ln log10 max min normalize quantize remainder_near same_quantum scaleb sqrt
    to_integral_value"""
_PARSED = "fragment geturl hostname netloc params password path port query scheme username count index"

WORDS: Mapping[type, str] = MappingProxyType({
    str: _STR,
    bytes: _BYTES,
    bytearray: f"{_BYTES} append clear copy extend insert pop remove reverse",
    int: _INT,
    bool: _INT,
    float: "as_integer_ratio conjugate fromhex hex imag is_integer real",
    complex: "conjugate imag real",
    list: _LIST,
    tuple: _SEQUENCE,
    range: f"{_SEQUENCE} start step stop",
    slice: "indices start step stop",
    dict: _DICT,
    set: _SET,
    frozenset: _FROZENSET,
    types.NoneType: "",
    types.EllipsisType: "",
    types.NotImplementedType: "",
    types.GeneratorType: "close send",
    types.CoroutineType: "close",
    types.AsyncGeneratorType: "",
    type({}.keys()): "isdisjoint",
    type({}.items()): "isdisjoint",
    type({}.values()): "",
    property: "deleter getter setter",
    collections.Counter: f"{_DICT} elements most_common subtract total",
    collections.defaultdict: f"{_DICT} default_factory",
    collections.OrderedDict: f"{_DICT} move_to_end",
    collections.deque: _DEQUE,
    collections.ChainMap: "copy fromkeys get items keys maps new_child parents pop popitem setdefault update values",
    functools._lru_cache_wrapper: "cache_clear cache_info",  # noqa: SLF001  # the type of every cached function
    functools.partial: "",
    type(functools.cache(int).cache_info()): "count currsize hits index maxsize misses",
    type(dt.date.min.isocalendar()): "count index week weekday year",
    type(statistics.linear_regression((1, 2), (1, 2))): "count index intercept slope",
    itertools.chain: "from_iterable",
    functools.cached_property: "",
    re.Pattern: "findall finditer flags fullmatch groupindex groups match pattern search split sub subn",
    re.Match: "end endpos expand group groupdict groups lastgroup lastindex pos re span start string",
    re.RegexFlag: "name value",
    dt.date: _DATE,
    dt.time: _TIME,
    dt.datetime: _DATETIME,
    dt.timedelta: "days max microseconds min resolution seconds total_seconds",
    dt.timezone: "dst fromutc tzname utc utcoffset",
    time.struct_time: """count index tm_gmtoff tm_hour tm_isdst tm_mday tm_min tm_mon tm_sec tm_wday tm_yday tm_year
        tm_zone""",
    io.StringIO: _STRINGIO,
    io.BytesIO: _STRINGIO,
    random.Random: """betavariate choice choices expovariate gauss getrandbits lognormvariate normalvariate randint
        random randrange sample seed shuffle triangular uniform""",
    string.Template: "get_identifiers is_valid safe_substitute substitute template",
    difflib.SequenceMatcher: """find_longest_match get_grouped_opcodes get_matching_blocks get_opcodes quick_ratio ratio
        real_quick_ratio set_seq1 set_seq2 set_seqs""",
    difflib.Match: "a b count index size",
    type(csv.reader(())): "line_num",
    type(csv.writer(io.StringIO())): "writerow writerows",
    csv.DictReader: "fieldnames line_num",
    csv.DictWriter: "fieldnames writeheader writerow writerows",
    type(hashlib.sha256()): "block_size copy digest digest_size hexdigest name update",
    type(hashlib.blake2b()): "block_size copy digest digest_size hexdigest name update",
    decimal.Decimal: _DECIMAL,
    decimal.DecimalTuple: "count digits exponent index sign",
    fractions.Fraction: "as_integer_ratio denominator from_decimal from_float limit_denominator numerator",
    uuid.UUID: "bytes hex int urn version",
    urllib.parse.ParseResult: _PARSED,
    urllib.parse.SplitResult: _PARSED,
    calendar.Calendar: "itermonthdates itermonthdays monthdatescalendar monthdayscalendar",
})  # fmt: skip
"""Attributes that the instances, and the type itself, show."""

ALLOWED: Mapping[type, frozenset[str]] = MappingProxyType(
    {kind: frozenset(name for name in words.split() if hasattr(kind, name) or name in {"tm_zone", "tm_gmtoff"})
     for kind, words in WORDS.items()},
)  # fmt: skip
"""The same as sets; `hasattr` leaves out what this Python does not have yet."""

ERROR_ATTRIBUTES = frozenset(
    "args value errno strerror msg reason start end pos lineno colno doc pattern".split(),  # noqa: SIM905  # words
)
"""What an exception shows. Not `obj`, `name`, `with_traceback`, nor anything that holds a frame."""

CONSTRUCTIBLE: frozenset[type] = frozenset({
    str, bytes, bytearray, int, bool, float, complex, list, tuple, range, slice, dict, set, frozenset, types.NoneType,
    collections.Counter, collections.OrderedDict, collections.deque, collections.ChainMap, dt.date,
    dt.time, dt.datetime, dt.timedelta, dt.timezone, io.StringIO, io.BytesIO, random.Random,
    string.Template, uuid.UUID, csv.DictReader, csv.DictWriter, calendar.Calendar, operator.itemgetter,
})  # fmt: skip
"""Types that code may call as they are; others are made by functions of ours or not at all."""

UNSHOWN: frozenset[type] = frozenset({
    types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType, property, functools.partial,
    functools.cached_property, itertools.chain, functools._lru_cache_wrapper,  # noqa: SLF001  # as above
})  # fmt: skip
"""Types whose instances have attributes, and which code does not hold themselves: `type(x)` gives a label."""
