"""``python -m worker.cli``: the ``tonearm`` command without its script."""

from worker.cli import main

if __name__ == "__main__":
    main()
