"""SQL Server: its database behind the protocol, and the migrations that make it."""
