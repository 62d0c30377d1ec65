"""Which business a record or a mention in text means; ambiguous stays ambiguous."""

from fraudrisk.linking.linker import NameLinker
from fraudrisk.linking.resolve import make_keys, resolve_complaints, resolve_records

__all__ = ["NameLinker", "make_keys", "resolve_complaints", "resolve_records"]
