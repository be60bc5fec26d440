"""What a command says when it cannot do what was asked."""


class CommandError(Exception):
    """One line that says what is wrong, with which input, and what to do. Exit code 1."""
