"""How much a word tells to one who does not see all that an index holds.

The index weighs a word by how many pilots have it, whoever asks. To a publisher that would tell which words stand in
pilots that are not to be seen: of two own pilots the one scores higher whose words nobody else uses. So for such a
caller a word weighs by the pilots that the caller sees: the own agency's, and the public ones.
"""

from dataclasses import dataclass
from math import log
from typing import Any

from tantivy import Occur, Query, Schema, Searcher


@dataclass(frozen=True, slots=True)
class Weights:
    """Words by those pilots of the index that holds all which who asks sees, `whose`, and by those of the public index
    where who asks sees that beside. A pilot in both counts twice: that makes no word rarer than it is."""

    schema: Schema
    inside: Searcher
    public: Searcher | None
    whose: Query
    count: int
    """How many pilots there are of these."""

    def having(self, field: str, value: str) -> int:
        """How many of these pilots have a word in a field."""
        found = int(self.public.doc_freq(field, value)) if self.public is not None else 0
        if not self.inside.doc_freq(field, value):
            return found
        word = Query.const_score_query(Query.term_query(self.schema, field, value, "basic"), 0.0)
        return found + counted_in(self.inside, Query.boolean_query([(Occur.Must, word), (Occur.Must, self.whose)]))

    def term(self, field: str, value: str) -> Query:
        """A word in a field, at what the index would weigh it (BM25) in a text of usual length that has it once."""
        having = self.having(field, value)
        weight = log(1 + (max(self.count - having, 0) + 0.5) / (having + 0.5))
        return Query.const_score_query(Query.term_query(self.schema, field, value, "basic"), weight)


def counted_in(searcher: Searcher, query: Query) -> int:
    """How many hits there are."""
    found: Any = searcher.search(query, 1)  # its types do not know `count`
    return int(found.count)
