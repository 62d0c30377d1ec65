"""What became of a clue: reports checked, deadlines kept, conclusions that become labels."""

from fraudrisk.outcomes.reports import CheckedReport, Fault, check_report

__all__ = ["CheckedReport", "Fault", "check_report"]
