"""Columns of the busiest statements: a TypedDict for the rows that one returns, a function for a row that one takes.

    for source in unit_of_work.query(CLAIM_SOURCES, …):                     # a list[ClaimedSource]
    unit_of_work.execute_many(insert_path_grant, (insert_path_grant(message_id=…, uri=…) for …))

The columns are the same on every backend; tests/unit/test_rows.py and tests/sqlserver/test_sqlserver_sql.py hold that.
"""
