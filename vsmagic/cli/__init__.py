"""The ``vsmagic`` command: one thin file a subcommand."""
