"""The database resource: tables and queues in one transaction."""
