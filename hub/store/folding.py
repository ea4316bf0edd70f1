"""Folding accents and case, so that a search finds `São João` by `sao joao` on either database (architecture D12)."""

import unicodedata


def folded(text: str) -> str:
    """Return the text without accents and case."""
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(ch for ch in decomposed if not unicodedata.combining(ch)).casefold()
