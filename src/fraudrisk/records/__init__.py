"""Records: from files as an office has them to canonical, masked tables."""

from __future__ import annotations

from fraudrisk.records.importing import clean_source, read_table
from fraudrisk.records.rejects import Fault, RejectReport
from fraudrisk.records.tables import TABLES, Column, Table, get_table

__all__ = ["TABLES", "Column", "Fault", "RejectReport", "Table", "clean_source", "get_table", "read_table"]
