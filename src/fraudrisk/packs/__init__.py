"""What is known of one field of fraud, as data. A new field is a new folder of YAML files and no code."""

from fraudrisk.packs.loader import Pack, load_pack

__all__ = ["Pack", "load_pack"]
