# Dates, times, numbers

# %% strptime and strftime
from datetime import datetime
import re

dates = [datetime.strptime(d, "%Y-%m-%d") for d in re.findall(r"Date: (\S+)", context)]
print(sorted(dates)[0].strftime("%d %B %Y"), max(dates).year)
print([d.isoformat() for d in dates])

# %% durations
from datetime import datetime, timedelta

fmt = "%Y-%m-%d %H:%M:%S"
a = datetime.strptime("2024-01-01 10:00:01", fmt)
b = datetime.strptime("2024-01-01 10:01:15", fmt)
print(b - a, (b - a).total_seconds(), a + timedelta(days=1, hours=2))

# %% date arithmetic
from datetime import date, timedelta

d = date(2024, 2, 28)
print(d + timedelta(days=2), d.weekday(), d.strftime("%A"), (date(2024, 6, 1) - d).days, d.replace(day=1))

# %% fromisoformat and compare
from datetime import datetime

xs = ["2024-03-02", "2023-11-30", "2024-01-15"]
parsed = sorted(xs, key=datetime.fromisoformat)
print(parsed, datetime.fromisoformat("2024-01-15T10:30:00").hour)

# %% import module style
import datetime

print(datetime.date(2020, 1, 2), datetime.datetime(2020, 1, 2, 3, 4).time(), datetime.timedelta(minutes=90))
print(datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc).isoformat())

# %% several formats
from datetime import datetime


def parse(s):
    for f in ("%Y-%m-%d", "%d/%m/%Y", "%B %d, %Y", "%d %b %Y"):
        try:
            return datetime.strptime(s, f).date()
        except ValueError:
            continue
    return None


for s in ["2024-01-15", "15/01/2024", "January 15, 2024", "15 Jan 2024", "soon"]:
    print(s, "->", parse(s))

# %% months
import calendar
from collections import Counter

months = Counter(d[:7] for d in ["2024-01-15", "2024-01-20", "2024-03-02"])
print(months, calendar.month_name[3], calendar.monthrange(2024, 2)[1], calendar.isleap(2023))

# %% math
import math

print(
    math.sqrt(16),
    math.ceil(1.2),
    math.floor(-1.2),
    round(math.pi, 4),
    math.log(8, 2),
    math.gcd(12, 18),
    math.factorial(5),
    math.inf > 1,
)
print(math.isclose(0.1 + 0.2, 0.3), math.prod([1, 2, 3]), math.comb(5, 2), math.hypot(3, 4), math.isnan(float("nan")))

# %% integers and floats
print(
    7 // 2,
    -7 // 2,
    7 % 3,
    -7 % 3,
    2**10,
    2**-1,
    divmod(17, 5),
    abs(-3),
    round(2.5),
    round(3.14159, 2),
    int("ff", 16),
    bin(10),
    hex(255),
)
print(0.1 + 0.2, 1e3, 10 / 4, int(3.9), float("1e-3"), 1_000_000, 5 & 3, 5 | 3, 5 ^ 3, ~5, 1 << 4)

# %% decimal and fractions
from decimal import Decimal
from fractions import Fraction

print(
    Decimal("0.1") + Decimal("0.2"), Fraction(1, 3) + Fraction(1, 6), sum(map(Decimal, ["1250.00", "830.50", "99.99"]))
)

# %% random with a seed
import random

random.seed(42)
sample = random.sample(range(100), 5)
random.seed(42)
print(sample == random.sample(range(100), 5), len(set(sample)))
rng = random.Random(1)
items = list("abcdef")
rng.shuffle(items)
print(sorted(items), 0 <= rng.random() < 1, 1 <= rng.randint(1, 3) <= 3, rng.choice("x"))

# %% growth table
value = 1000
for year in range(1, 4):
    value *= 1.05
    print(f"year {year}: {value:.2f}")

# %% percentages
counts = {"open": 2, "closed": 1}
total = sum(counts.values())
for k, v in sorted(counts.items()):
    print(f"{k}: {v / total:.1%}")

# %% comparison chains and boolean logic
x = 5
print(1 < x <= 5, x == 5 == 5.0, not x > 3 or x, x and "yes", None or "default", 0 or [] or "last")

# %% time spans of the log
import re
from datetime import datetime

times = [datetime.strptime(t, "%Y-%m-%d %H:%M:%S") for t in re.findall(r"^\[(.+?)\]", context, re.M)]
gaps = [(b - a).seconds for a, b in zip(times, times[1:])]
print(gaps, max(times) - min(times))
