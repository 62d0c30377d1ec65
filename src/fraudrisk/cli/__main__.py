"""``python -m fraudrisk.cli``."""

from fraudrisk.cli import main

if __name__ == "__main__":
    main()
