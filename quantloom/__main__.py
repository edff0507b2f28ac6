"""``python -m quantloom``."""

from .gen.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
