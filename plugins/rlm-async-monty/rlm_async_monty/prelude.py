"""Names that code finds in every session, written in the Python that Monty speaks."""

PRELUDE = r"""
import re as re_

def peek(n=500):
    text = context if isinstance(context, str) else str(context)
    return text[:n]

def texts_():
    if isinstance(context, str):
        return [context]
    return list(context.values()) if isinstance(context, dict) else list(context)

def grep(pattern, around=80, most=20):
    found = []
    for text in texts_():
        for match in re_.finditer(pattern, text):
            found.append(text[max(0, match.start() - around):match.end() + around])
            if len(found) >= most:
                return found
    return found

def chunks(size=4000, overlap=0):
    parts = []
    for text in texts_():
        start = 0
        while start < len(text):
            parts.append(text[start:start + size])
            start += max(1, size - overlap)
    return parts

def count_tokens(text):
    return len(text) // 4 + 1

async def gather(*waiting):
    import asyncio
    return await asyncio.gather(*waiting)
"""

NAMES = frozenset({"re_", "peek", "texts_", "grep", "chunks", "count_tokens", "gather"})
