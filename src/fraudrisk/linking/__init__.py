"""Which business a record or a mention in text means; ambiguous stays ambiguous."""

from fraudrisk.linking.linker import NameLinker
from fraudrisk.linking.resolve import make_keys, resolve_complaints, resolve_records
from fraudrisk.linking.subjects import subject_links, subject_rows

__all__ = ["NameLinker", "make_keys", "resolve_complaints", "resolve_records", "subject_links", "subject_rows"]
