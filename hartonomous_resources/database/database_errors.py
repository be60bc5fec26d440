"""What can go wrong with a store, each in one sentence that says what to do."""


class DatabaseError(Exception):
    """The store cannot do what was asked; the message names the store and the way out."""


class DatabaseUnavailable(DatabaseError):
    """The store cannot be reached or opened. Work waits; nothing is lost."""


class ReadOnlyDatabase(DatabaseUnavailable):
    """The store can be read here, and not written."""


class SchemaMismatch(DatabaseError):
    """The schema is newer than the program, or a migration that ran has been changed since."""


class TransactionConflict(DatabaseError):
    """Another transaction was in the way, or the connection broke before the commit: the same unit of work may succeed if done again."""
