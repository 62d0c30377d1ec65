"""From complaint text to category, tactics with the words that prove them, and facts; each text is read once."""

from fraudrisk.complaints.classifier import ComplaintClassifier
from fraudrisk.complaints.reader import ComplaintReader

__all__ = ["ComplaintClassifier", "ComplaintReader"]
