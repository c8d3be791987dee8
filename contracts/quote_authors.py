"""Who asked the quote that a deal was made of, and all those that it is a later version of: they worded the deal."""

from __future__ import annotations

from django.db import connection

# A quote made of another is its next version. A union drops what was met before: no ring of them would be endless.
_LINE_OF_QUOTES = """
WITH RECURSIVE line AS (
    SELECT id, earlier_id, made_by_id FROM contracts_quote WHERE contract_key = %s AND contract_version = %s
    UNION
    SELECT quote.id, quote.earlier_id, quote.made_by_id FROM contracts_quote quote JOIN line ON quote.id = line.earlier_id
)
SELECT DISTINCT made_by_id FROM line
"""


def authors_of_quotes(*, contract_key: str, contract_version: int) -> set[int]:
    """The accounts, by id; none where the contract was made of no quote. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_LINE_OF_QUOTES, [contract_key, contract_version])
        return {row[0] for row in cursor.fetchall()}
