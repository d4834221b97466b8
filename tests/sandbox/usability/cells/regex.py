# Regular expressions

# %% findall emails
import re

emails = re.findall(r"[\w.+-]+@[\w-]+\.[\w.]+", context)
print(emails)

# %% groups
import re

pairs = re.findall(r"user=(\w+) action=(\w+)", context)
print(pairs)
print(dict(pairs))

# %% finditer with spans
import re

for m in re.finditer(r"\d{4}-\d{2}-\d{2}", context):
    print(m.group(), m.start(), m.span())
    if m.start() > 900:
        break

# %% named groups
import re

pat = re.compile(r"^\[(?P<time>[^\]]+)\] (?P<level>\w+)\s+user=(?P<user>\w+)", re.MULTILINE)
rows = [m.groupdict() for m in pat.finditer(context)]
print(len(rows))
print(rows[1])

# %% search with None check
import re

m = re.search(r"secret code is (\S+?)\.", context, re.I)
code = m.group(1) if m else None
print(code)
print(re.search("absent", context))

# %% sub with function
import re


def mask(m):
    name, domain = m.group(0).split("@")
    return name[0] + "***@" + domain


print(re.sub(r"\S+@\S+\.\w+", mask, context)[250:330])

# %% money
import re

total = 0.0
for amount in re.findall(r"\$([\d,]+\.\d{2})", context):
    total += float(amount.replace(",", ""))
print(f"${total:,.2f}")

# %% verbose pattern
import re

phone = re.compile(
    r"""
    \+(?P<country>\d)      # country
    -(?P<area>\d{3})       # area
    -(?P<number>\d{4})
""",
    re.VERBOSE,
)
print([m.group("number") for m in phone.finditer(context)])

# %% split and strip
import re

parts = [p.strip() for p in re.split(r"[;,.]\s*", "a, b; c. d")]
print(parts)

# %% flags combined
import re

print(re.findall(r"^(date|status): (.*)$", context, flags=re.IGNORECASE | re.MULTILINE))

# %% escape a user string
import re

needle = "$1,250.00"
print(len(re.findall(re.escape(needle), context)), re.escape("a.b*c"))

# %% fullmatch and match
import re

for s in ["2024-01-15", "15.1.2024", "2024-1-5"]:
    print(s, bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", s)), re.match(r"\d+", s).group())

# %% substitution with back-references
import re

print(re.sub(r"(\d{4})-(\d{2})-(\d{2})", r"\3/\2/\1", "on 2024-01-15 and 2023-11-30"))
print(re.subn(r"o", "0", "foo boo"))

# %% lookaround
import re

print(re.findall(r"(?<=score=)\d+|(?<=Total: \$)[\d,.]+", context))
print(re.findall(r"\b\w+(?=:)", context)[:5])

# %% label extraction from list
# context: list
import re

labels = [re.search(r"Label: (\w+)", item).group(1) for item in context]
print(labels)

# %% compiled in a dict
import re

patterns = {
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "url": re.compile(r"https?://\S+"),
    "time": re.compile(r"\d\d:\d\d:\d\d"),
}
for name, pattern in patterns.items():
    print(f"{name:5} {len(pattern.findall(context)):3} {pattern.pattern}")

# %% match object facts
import re

m = re.search(r"(\w+) (\w+)", "hello big world")
print(m.groups(), m.group(0), m[1], m.end(2), m.lastindex, m.string[:5])
print(m)
