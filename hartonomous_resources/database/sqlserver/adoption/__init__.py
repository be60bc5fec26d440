"""Adopt the database of the .NET system. Nothing else imports it but the command that migrates."""
