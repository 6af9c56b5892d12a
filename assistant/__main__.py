"""``python -m assistant`` is ``joyul``."""

from assistant.cli import main

if __name__ == "__main__":
    main()
