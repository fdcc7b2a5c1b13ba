"""``python -m vsmagic``: the ``vsmagic`` command of this very Python, wherever its program lies."""

from vsmagic.cli.main import main

if __name__ == "__main__":
    main()
