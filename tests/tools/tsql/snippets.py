"""T-SQL that is wrong in one way, beside the same T-SQL as it should be: what the checker must tell apart.

Statements are put into a procedure, unless they are a script of their own (they begin with CREATE, GRANT, ALTER, DROP or INSERT).
"""

from typing import NamedTuple


class Pair(NamedTuple):
    """What is wrong, the wrong text, and the right one."""

    what: str
    wrong: str
    right: str


def script(text: str) -> str:
    """A whole script of a statement."""
    if text.startswith(("CREATE", "GRANT", "ALTER", "DROP", "INSERT INTO dbo.Seed")):
        return text
    return (
        "CREATE PROCEDURE dbo.usp_snippet @id bigint, @name nvarchar(100), @rows dbo.ItemRows READONLY\n"
        f"WITH EXECUTE AS OWNER\nAS\nBEGIN\nSET NOCOUNT ON;\n{text}\nEND;\n"
    )


_PROCEDURE = (
    "CREATE PROCEDURE dbo.usp_a @id bigint WITH EXECUTE AS OWNER AS BEGIN SET NOCOUNT ON; SELECT @id AS id; END;"
)
_CHANGED = _PROCEDURE.replace("CREATE", "CREATE OR ALTER")
_DIALOG = "DECLARE @h uniqueidentifier; BEGIN DIALOG CONVERSATION @h FROM SERVICE [//a/I] TO SERVICE N'//a/T' ON CONTRACT [//a/C]"

SYNTAX = [
    Pair("keyword misspelt", "SELCT i.Name FROM dbo.Item AS i;", "SELECT i.Name FROM dbo.Item AS i;"),
    Pair("FROM misspelt", "SELECT i.Name FORM dbo.Item AS i;", "SELECT i.Name FROM dbo.Item AS i;"),
    Pair("comma at the end", "SELECT i.Name, FROM dbo.Item AS i;", "SELECT i.Name FROM dbo.Item AS i;"),
    Pair("parenthesis left open", "SELECT (1 + (2) AS n;", "SELECT (1 + (2)) AS n;"),
    Pair("string left open", "SELECT N'a AS n;", "SELECT N'a' AS n;"),
    Pair("comment left open", "/* why SELECT 1 AS n;", "/* why */ SELECT 1 AS n;"),
    Pair("END missing", "BEGIN TRY SELECT 1 AS n; END TRY BEGIN CATCH THROW;",
         "BEGIN TRY SELECT 1 AS n; END TRY BEGIN CATCH THROW; END CATCH;"),
    Pair("TRY without CATCH", "BEGIN TRY SELECT 1 AS n; END TRY;", "BEGIN TRY SELECT 1 AS n; END TRY BEGIN CATCH THROW; END CATCH;"),
    Pair("LIMIT of another dialect", "SELECT i.Name FROM dbo.Item AS i LIMIT 1;", "SELECT TOP (1) i.Name FROM dbo.Item AS i;"),
    Pair("upsert of another dialect", "INSERT INTO dbo.Item (Name) VALUES (@name) ON CONFLICT DO NOTHING;",
         "INSERT INTO dbo.Item (Name) VALUES (@name);"),
    Pair("RETURNING of another dialect", "DELETE FROM dbo.Item WHERE ItemId = @id RETURNING ItemId;",
         "DELETE FROM dbo.Item OUTPUT deleted.ItemId WHERE ItemId = @id;"),
    Pair("|| of another dialect", "SELECT i.Name || N'!' AS n FROM dbo.Item AS i;", "SELECT i.Name + N'!' AS n FROM dbo.Item AS i;"),
    Pair("parameter of another dialect", "SELECT i.Name FROM dbo.Item AS i WHERE i.ItemId = :id;",
         "SELECT i.Name FROM dbo.Item AS i WHERE i.ItemId = @id;"),
    Pair("boolean as a value", "SELECT i.ItemId = 1 AND i.Name = N'a' AS n FROM dbo.Item AS i;",
         "SELECT CASE WHEN i.ItemId = 1 AND i.Name = N'a' THEN 1 ELSE 0 END AS n FROM dbo.Item AS i;"),
    Pair("CASE without END", "SELECT CASE WHEN 1 = 1 THEN 1 ELSE 0 AS n;", "SELECT CASE WHEN 1 = 1 THEN 1 ELSE 0 END AS n;"),
    Pair("JOIN without ON", "SELECT i.Name FROM dbo.Item AS i INNER JOIN dbo.Owner AS o;",
         "SELECT i.Name FROM dbo.Item AS i INNER JOIN dbo.Owner AS o ON o.OwnerId = i.OwnerId;"),
    Pair("WITH after an open statement", "SET @id = 1 WITH c AS (SELECT 1 AS n) SELECT c.n FROM c;",
         "SET @id = 1; WITH c AS (SELECT 1 AS n) SELECT c.n FROM c;"),
    Pair("SEND after an open statement", f"{_DIALOG} SEND ON CONVERSATION @h (0x00);", f"{_DIALOG}; SEND ON CONVERSATION @h (0x00);"),
    Pair("THROW after an open statement", "IF @id > 1 ROLLBACK TRANSACTION THROW;", "IF @id > 1 ROLLBACK TRANSACTION; THROW;"),
    Pair("RECEIVE after an open statement", "DECLARE @b varbinary(max); SELECT 1 RECEIVE TOP (1) @b = message_body FROM dbo.TheQueue;",
         "DECLARE @b varbinary(max); SELECT 1; RECEIVE TOP (1) @b = message_body FROM dbo.TheQueue;"),
    Pair("a column that no queue has", "RECEIVE TOP (1) queueing_order, message_body FROM dbo.TheQueue;",
         "RECEIVE TOP (1) queuing_order, message_body FROM dbo.TheQueue;"),
    Pair("WAITFOR without parentheses", "WAITFOR RECEIVE TOP (1) message_body FROM dbo.TheQueue, TIMEOUT 10;",
         "WAITFOR (RECEIVE TOP (1) message_body FROM dbo.TheQueue), TIMEOUT 10;"),
    Pair("queue option without parentheses", "CREATE QUEUE dbo.Q WITH STATUS = ON, POISON_MESSAGE_HANDLING STATUS = OFF;",
         "CREATE QUEUE dbo.Q WITH STATUS = ON, POISON_MESSAGE_HANDLING (STATUS = OFF);"),
    Pair("contract without a sender", "CREATE CONTRACT [//a/C] ([//a/M]);", "CREATE CONTRACT [//a/C] ([//a/M] SENT BY INITIATOR);"),
    Pair("message type of the wrong scheme",
         "SELECT 1 AS n WHERE @name = N'https://schemas.microsoft.com/SQL/ServiceBroker/EndDialog';",
         "SELECT 1 AS n WHERE @name = N'http://schemas.microsoft.com/SQL/ServiceBroker/EndDialog';"),
    Pair("END CONVERSATION without a handle", "END CONVERSATION;", "DECLARE @h uniqueidentifier; END CONVERSATION @h;"),
    Pair("too few values", "INSERT INTO dbo.Item (ItemId, Name) VALUES (@id);", "INSERT INTO dbo.Item (ItemId, Name) VALUES (@id, @name);"),
    Pair("too many selected", "INSERT INTO dbo.Item (Name) SELECT r.Name, 1 FROM @rows AS r;",
         "INSERT INTO dbo.Item (Name) SELECT r.Name FROM @rows AS r;"),
    Pair("INSERT without columns", "INSERT INTO dbo.Item SELECT 1, r.Name FROM @rows AS r;",
         "INSERT INTO dbo.Item (OwnerId, Name) SELECT 1, r.Name FROM @rows AS r;"),
    Pair("UNION of other widths", "SELECT 1 AS a, 2 AS b UNION ALL SELECT 3;", "SELECT 1 AS a, 2 AS b UNION ALL SELECT 3, 4;"),
    Pair("OUTPUT wider than INTO",
         "DECLARE @t TABLE (a bigint); DELETE FROM dbo.Item OUTPUT deleted.ItemId, deleted.Name INTO @t WHERE ItemId = @id;",
         "DECLARE @t TABLE (a bigint); DELETE FROM dbo.Item OUTPUT deleted.ItemId INTO @t WHERE ItemId = @id;"),
    Pair("OUTPUT INTO a column that is not there",
         "DECLARE @t TABLE (a bigint); DELETE FROM dbo.Item OUTPUT deleted.ItemId INTO @t (b);",
         "DECLARE @t TABLE (a bigint); DELETE FROM dbo.Item OUTPUT deleted.ItemId INTO @t (a);"),
    Pair("OUTPUT to the caller from a table with a trigger",
         "CREATE TRIGGER dbo.T ON dbo.Item AFTER INSERT AS BEGIN SET NOCOUNT ON; RETURN; END;\nGO\n"
         "CREATE PROCEDURE dbo.usp_a WITH EXECUTE AS OWNER AS BEGIN SET NOCOUNT ON; DELETE FROM dbo.Item OUTPUT deleted.ItemId; END;",
         "CREATE TRIGGER dbo.T ON dbo.Item AFTER INSERT AS BEGIN SET NOCOUNT ON; RETURN; END;\nGO\n"
         "CREATE PROCEDURE dbo.usp_a WITH EXECUTE AS OWNER AS BEGIN SET NOCOUNT ON; DELETE FROM dbo.Item; END;"),
    Pair("subquery of two columns", "SELECT (SELECT 1, 2) AS n;", "SELECT (SELECT 1) AS n;"),
    Pair("order in a subquery", "SELECT q.n FROM (SELECT 1 AS n ORDER BY n) AS q;", "SELECT q.n FROM (SELECT TOP (1) 1 AS n ORDER BY n) AS q;"),
    Pair("derived table without a name", "SELECT n FROM (SELECT 1 AS n);", "SELECT q.n FROM (SELECT 1 AS n) AS q;"),
    Pair("assigning and returning at once", "DECLARE @n int; SELECT @n = i.OwnerId, i.Name FROM dbo.Item AS i;",
         "DECLARE @n int; SELECT @n = i.OwnerId FROM dbo.Item AS i;"),
    Pair("aggregate in WHERE", "SELECT i.OwnerId FROM dbo.Item AS i WHERE COUNT(*) > 1 GROUP BY i.OwnerId;",
         "SELECT i.OwnerId FROM dbo.Item AS i GROUP BY i.OwnerId HAVING COUNT(*) > 1;"),
    Pair("window function in WHERE", "SELECT i.Name FROM dbo.Item AS i WHERE ROW_NUMBER() OVER (ORDER BY i.ItemId) = 1;",
         "SELECT i.Name, ROW_NUMBER() OVER (ORDER BY i.ItemId) AS n FROM dbo.Item AS i;"),
    Pair("column outside GROUP BY", "SELECT i.OwnerId, i.Name, COUNT(*) AS n FROM dbo.Item AS i GROUP BY i.OwnerId;",
         "SELECT i.OwnerId, MIN(i.Name) AS Name, COUNT(*) AS n FROM dbo.Item AS i GROUP BY i.OwnerId;"),
    Pair("column beside an aggregate", "SELECT MAX(i.ItemId) AS n, i.Name FROM dbo.Item AS i;", "SELECT MAX(i.ItemId) AS n FROM dbo.Item AS i;"),
    Pair("function that is not there", "SELECT LENGTH(@name) AS n;", "SELECT LEN(@name) AS n;"),
    Pair("function with too few arguments", "SELECT SUBSTRING(@name, 1) AS n;", "SELECT SUBSTRING(@name, 1, 2) AS n;"),
    Pair("function with too many arguments", "SELECT ISNULL(@name, N'', N'') AS n;", "SELECT COALESCE(@name, N'', N'') AS n;"),
    Pair("number too large for an int",
         "SELECT TOP (CASE WHEN @id < 0 THEN 9223372036854775807 ELSE @id END) i.Name FROM dbo.Item AS i;",
         "SELECT TOP (CASE WHEN @id < 0 THEN CONVERT(bigint, 9223372036854775807) ELSE @id END) i.Name FROM dbo.Item AS i;"),
    Pair("type too long", "DECLARE @v varbinary(9000);", "DECLARE @v varbinary(8000);"),
    Pair("national type too long", "DECLARE @v nvarchar(8000);", "DECLARE @v nvarchar(4000);"),
    Pair("too precise a time", "DECLARE @v datetime2(9);", "DECLARE @v datetime2(7);"),
    Pair("number of THROW too small", "THROW 1205, N'again', 1;", "THROW 51205, N'again', 1;"),
    Pair("THROW of two arguments", "THROW 51205, N'again';", "THROW 51205, N'again', 1;"),
    Pair("variable declared twice", "DECLARE @n int; DECLARE @n int;", "DECLARE @n int; DECLARE @m int;"),
    Pair("parameter declared again", "DECLARE @id int;", "DECLARE @other int;"),
    Pair("FETCH into too few",
         "DECLARE c CURSOR LOCAL FOR SELECT i.ItemId, i.Name FROM dbo.Item AS i; OPEN c; FETCH NEXT FROM c INTO @id;",
         "DECLARE c CURSOR LOCAL FOR SELECT i.ItemId FROM dbo.Item AS i; OPEN c; FETCH NEXT FROM c INTO @id;"),
    Pair("FETCH from no cursor", "FETCH NEXT FROM c INTO @id;", "DECLARE c CURSOR FOR SELECT 1; FETCH NEXT FROM c INTO @id;"),
    Pair("next number in a condition", "SELECT CASE WHEN @id = 1 THEN NEXT VALUE FOR dbo.Numbers END AS n;",
         "SELECT NEXT VALUE FOR dbo.Numbers AS n;"),
    Pair("next numbers without their order", "SELECT NEXT VALUE FOR dbo.Numbers AS n FROM @rows AS r ORDER BY r.Name;",
         "SELECT NEXT VALUE FOR dbo.Numbers OVER (ORDER BY r.Name) AS n FROM @rows AS r ORDER BY r.Name;"),
    Pair("table type without READONLY", "CREATE PROCEDURE dbo.usp_a @r dbo.ItemRows READ ONLY WITH EXECUTE AS OWNER AS SET NOCOUNT ON;",
         "CREATE PROCEDURE dbo.usp_a @r dbo.ItemRows READONLY WITH EXECUTE AS OWNER AS SET NOCOUNT ON;"),
    Pair("named constraint in a table type", "CREATE TYPE dbo.T AS TABLE (a int CONSTRAINT PK PRIMARY KEY);",
         "CREATE TYPE dbo.T AS TABLE (a int PRIMARY KEY);"),
    Pair("filter on an index with OR", "CREATE INDEX IX ON dbo.Item (Name) WHERE Name IS NULL OR OwnerId = 1;",
         "CREATE INDEX IX ON dbo.Item (Name) WHERE Name IS NULL AND OwnerId = 1;"),
    Pair("four numbers of a box", "CREATE SPATIAL INDEX IX ON dbo.Item (Place) WITH (BOUNDING_BOX = (-1, -1, 1));",
         "CREATE SPATIAL INDEX IX ON dbo.Item (Place) WITH (BOUNDING_BOX = (-1, -1, 1, 1));"),
    Pair("column without a type", "CREATE TABLE dbo.T (a NOT NULL);", "CREATE TABLE dbo.T (a int NOT NULL);"),
    Pair("two columns without a comma", "CREATE TABLE dbo.T (a int NOT NULL b int NOT NULL);",
         "CREATE TABLE dbo.T (a int NOT NULL, b int NOT NULL);"),
    Pair("GO forgotten before a body", f"CREATE TABLE dbo.T (a int);\n{_PROCEDURE}", f"CREATE TABLE dbo.T (a int);\nGO\n{_PROCEDURE}"),
    Pair("right on no object", "GRANT EXECUTE dbo.usp_a TO TheRole;", "GRANT EXECUTE ON OBJECT::dbo.usp_a TO TheRole;"),
]  # fmt: skip

RULES = [
    Pair("MERGE", "MERGE dbo.Item AS t USING @rows AS r ON t.Name = r.Name WHEN MATCHED THEN UPDATE SET t.OwnerId = 1;",
         "UPDATE t SET t.OwnerId = 1 FROM dbo.Item AS t INNER JOIN @rows AS r ON r.Name = t.Name;"),
    Pair("EXEC of a string", "EXEC (@name);", "EXEC dbo.usp_other @name = @name;"),
    Pair("EXEC of a string made here", "EXEC (N'DROP TABLE ' + @name);", "EXEC dbo.usp_other @name = @name;"),
    Pair("sp_executesql", "EXEC sys.sp_executesql @name;", "EXEC dbo.usp_other @name = @name;"),
    Pair("EXEC of a name in a variable", "EXEC @name;", "EXEC dbo.usp_other @name = @name;"),
    Pair("table without its schema", "SELECT i.Name FROM Item AS i;", "SELECT i.Name FROM dbo.Item AS i;"),
    Pair("call without its schema", "EXEC usp_other @name = @name;", "EXEC dbo.usp_other @name = @name;"),
    Pair("new table without its schema", "CREATE TABLE T (a int);", "CREATE TABLE dbo.T (a int);"),
    Pair("table thrown away", "DROP TABLE dbo.Item;", "ALTER TABLE dbo.Item DROP COLUMN Name;"),
    Pair("rows written before their column is there", "ALTER TABLE dbo.Item ADD Place int NULL; UPDATE dbo.Item SET Place = 1;",
         "ALTER TABLE dbo.Item ADD Place int NULL;\nGO\nUPDATE dbo.Item SET Place = 1;"),
    Pair("new column that old rows have no value for", "ALTER TABLE dbo.Item ADD Place int NOT NULL;",
         "ALTER TABLE dbo.Item ADD Place int NOT NULL CONSTRAINT DF_Item_Place DEFAULT 0;"),
    Pair("changed procedure with NOCOUNT left off", _CHANGED.replace("SET NOCOUNT ON;", ""), _CHANGED),
    Pair("changed procedure with caller's rights", _CHANGED.replace("WITH EXECUTE AS OWNER", ""), _CHANGED),
    Pair("NOCOUNT left off", _PROCEDURE.replace("SET NOCOUNT ON;", ""), _PROCEDURE),
    Pair("NOCOUNT switched off", _PROCEDURE.replace("NOCOUNT ON", "NOCOUNT OFF"), _PROCEDURE),
    Pair("caller's rights", _PROCEDURE.replace("WITH EXECUTE AS OWNER", ""), _PROCEDURE),
    Pair("another's rights", _PROCEDURE.replace("AS OWNER", "AS CALLER"), _PROCEDURE),
    Pair("GO forgotten after a body", f"{_PROCEDURE}\nCREATE TABLE dbo.T (a int);", f"{_PROCEDURE}\nGO\nCREATE TABLE dbo.T (a int);"),
    Pair("trigger that counts", "CREATE TRIGGER dbo.T ON dbo.Item AFTER INSERT AS BEGIN RETURN; END;",
         "CREATE TRIGGER dbo.T ON dbo.Item AFTER INSERT AS BEGIN SET NOCOUNT ON; RETURN; END;"),
]  # fmt: skip

SCHEMA = """
CREATE TABLE dbo.Owner (OwnerId int NOT NULL CONSTRAINT PK_Owner PRIMARY KEY, Name nvarchar(100) NOT NULL);
CREATE TABLE dbo.Item
(
    ItemId bigint IDENTITY(1, 1) NOT NULL CONSTRAINT PK_Item PRIMARY KEY,
    OwnerId int NULL CONSTRAINT FK_Item_Owner REFERENCES dbo.Owner (OwnerId),
    Name nvarchar(100) NOT NULL
);
CREATE TYPE dbo.ItemRows AS TABLE (Ordinal int NOT NULL PRIMARY KEY, Name nvarchar(100) NOT NULL);
CREATE TYPE dbo.OtherRows AS TABLE (Ordinal int NOT NULL PRIMARY KEY);
CREATE SEQUENCE dbo.Numbers AS bigint START WITH 1;
CREATE QUEUE dbo.TheQueue WITH STATUS = ON;
GO
CREATE FUNCTION dbo.fn_twice (@n int) RETURNS int AS BEGIN RETURN 2 * @n; END;
GO
CREATE FUNCTION dbo.fn_items (@owner int) RETURNS TABLE AS RETURN SELECT i.ItemId FROM dbo.Item AS i WHERE i.OwnerId = @owner;
GO
CREATE PROCEDURE dbo.usp_other @name nvarchar(100), @n int = 1, @made bigint = NULL OUTPUT
WITH EXECUTE AS OWNER AS BEGIN SET NOCOUNT ON; SELECT @name AS name, @n AS n; END;
GO
CREATE PROCEDURE dbo.usp_insert_from_other
WITH EXECUTE AS OWNER AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @t TABLE (name nvarchar(100), n int);
    INSERT INTO @t (name, n) EXEC dbo.usp_other @name = N'a';
    SELECT t.name, t.n FROM @t AS t;
END;
GO
CREATE PROCEDURE dbo.usp_take @items dbo.ItemRows READONLY, @n int
WITH EXECUTE AS OWNER AS BEGIN SET NOCOUNT ON; SELECT r.Name, @n AS n FROM @items AS r; END;
GO
"""

REFERENCES = [
    Pair("table that is not there", "SELECT i.Name FROM dbo.Items AS i;", "SELECT i.Name FROM dbo.Item AS i;"),
    Pair("column that is not there", "SELECT i.Title FROM dbo.Item AS i;", "SELECT i.Name FROM dbo.Item AS i;"),
    Pair("alias that is not there", "SELECT x.Name FROM dbo.Item AS i;", "SELECT i.Name FROM dbo.Item AS i;"),
    Pair("column of the other table", "SELECT o.ItemId FROM dbo.Item AS i INNER JOIN dbo.Owner AS o ON o.OwnerId = i.OwnerId;",
         "SELECT i.ItemId FROM dbo.Item AS i INNER JOIN dbo.Owner AS o ON o.OwnerId = i.OwnerId;"),
    Pair("ambiguous column", "SELECT Name FROM dbo.Item AS i INNER JOIN dbo.Owner AS o ON o.OwnerId = i.OwnerId;",
         "SELECT i.Name FROM dbo.Item AS i INNER JOIN dbo.Owner AS o ON o.OwnerId = i.OwnerId;"),
    Pair("INSERT into no column", "INSERT INTO dbo.Item (Title) VALUES (@name);", "INSERT INTO dbo.Item (Name) VALUES (@name);"),
    Pair("UPDATE of no column", "UPDATE dbo.Item SET Title = @name;", "UPDATE dbo.Item SET Name = @name;"),
    Pair("condition on no column", "DELETE FROM dbo.Item WHERE Id = @id;", "DELETE FROM dbo.Item WHERE ItemId = @id;"),
    Pair("OUTPUT of no column", "DELETE FROM dbo.Item OUTPUT deleted.Id;", "DELETE FROM dbo.Item OUTPUT deleted.ItemId;"),
    Pair("column of no CTE", "WITH c AS (SELECT i.ItemId AS n FROM dbo.Item AS i) SELECT c.m FROM c;",
         "WITH c AS (SELECT i.ItemId AS n FROM dbo.Item AS i) SELECT c.n FROM c;"),
    Pair("column of no derived table", "SELECT q.m FROM (SELECT 1 AS n) AS q;", "SELECT q.n FROM (SELECT 1 AS n) AS q;"),
    Pair("column that JSON was not given", "SELECT j.m FROM OPENJSON(@name) WITH (n int '$.n') AS j;",
         "SELECT j.n FROM OPENJSON(@name) WITH (n int '$.n') AS j;"),
    Pair("variable that is not there", "SELECT @ident AS n;", "SELECT @id AS n;"),
    Pair("column of no table parameter", "SELECT r.Title FROM @rows AS r;", "SELECT r.Name FROM @rows AS r;"),
    Pair("column of no table variable", "DECLARE @t TABLE (a int); SELECT t.b FROM @t AS t;", "DECLARE @t TABLE (a int); SELECT t.a FROM @t AS t;"),
    Pair("update of no table variable's column", "DECLARE @t TABLE (a int); UPDATE t SET t.b = 1 FROM @t AS t;",
         "DECLARE @t TABLE (a int); UPDATE t SET t.a = 1 FROM @t AS t;"),
    Pair("column of no variable of a table type", "DECLARE @t dbo.ItemRows; SELECT t.Title FROM @t AS t;",
         "DECLARE @t dbo.ItemRows; SELECT t.Name FROM @t AS t;"),
    Pair("column of no temporary table", "SET @id = 1; CREATE TABLE #t (a int); SELECT t.b FROM #t AS t;",
         "SET @id = 1; CREATE TABLE #t (a int); SELECT t.a FROM #t AS t;"),
    Pair("table type that is not there", "DECLARE @t dbo.ItemsRows;", "DECLARE @t dbo.ItemRows;"),
    Pair("sequence that is not there", "SELECT NEXT VALUE FOR dbo.Number AS n;", "SELECT NEXT VALUE FOR dbo.Numbers AS n;"),
    Pair("queue that is not there", "RECEIVE TOP (1) message_body FROM dbo.NoQueue;", "RECEIVE TOP (1) message_body FROM dbo.TheQueue;"),
    Pair("function that is not there", "SELECT dbo.fn_thrice(1) AS n;", "SELECT dbo.fn_twice(1) AS n;"),
    Pair("foreign key to no column", "CREATE TABLE dbo.T (a int NOT NULL REFERENCES dbo.Owner (Id));",
         "CREATE TABLE dbo.T (a int NOT NULL REFERENCES dbo.Owner (OwnerId));"),
    Pair("index on no column", "CREATE INDEX IX ON dbo.Item (Title);", "CREATE INDEX IX ON dbo.Item (Name);"),
    Pair("index on a column that nothing adds",
         "ALTER TABLE dbo.Item ADD Place geometry NULL;\nGO\nCREATE SPATIAL INDEX IX ON dbo.Item (Plaice) WITH (BOUNDING_BOX = (0, 0, 1, 1));",
         "ALTER TABLE dbo.Item ADD Place geometry NULL;\nGO\nCREATE SPATIAL INDEX IX ON dbo.Item (Place) WITH (BOUNDING_BOX = (0, 0, 1, 1));"),
    Pair("added column computed from none", "ALTER TABLE dbo.Item ADD Twice AS (2 * OwnersId);", "ALTER TABLE dbo.Item ADD Twice AS (2 * OwnerId);"),
    Pair("trigger on no table", "CREATE TRIGGER dbo.T ON dbo.Items AFTER INSERT AS BEGIN SET NOCOUNT ON; RETURN; END;",
         "CREATE TRIGGER dbo.T ON dbo.Item AFTER INSERT AS BEGIN SET NOCOUNT ON; RETURN; END;"),
    Pair("right on no procedure", "GRANT EXECUTE ON OBJECT::dbo.usp_nobody TO public;", "GRANT EXECUTE ON OBJECT::dbo.usp_other TO public;"),
    Pair("seed of no column", "INSERT INTO dbo.Owner (Id, Name) VALUES (1, N'a');".replace("INSERT INTO dbo.Owner", "INSERT INTO dbo.Seed"),
         "CREATE TABLE dbo.Seed (SeedId int, Name nvarchar(9));\nGO\nINSERT INTO dbo.Seed (SeedId, Name) VALUES (1, N'a');"),
    Pair("procedure that is not there", "EXEC dbo.usp_nobody @name = @name;", "EXEC dbo.usp_other @name = @name;"),
    Pair("parameter that is not there", "EXEC dbo.usp_other @title = @name, @name = @name;", "EXEC dbo.usp_other @name = @name;"),
    Pair("too many arguments", "EXEC dbo.usp_other @name, 1, NULL, 2;", "EXEC dbo.usp_other @name, 1, NULL;"),
    Pair("argument left out", "EXEC dbo.usp_other @n = 1;", "EXEC dbo.usp_other @name = @name, @n = 1;"),
    Pair("argument given twice", "EXEC dbo.usp_other @name, @name = @name;", "EXEC dbo.usp_other @name = @name;"),
    Pair("OUTPUT of an input", "EXEC dbo.usp_other @name = @name OUTPUT;", "EXEC dbo.usp_other @name = @name, @made = @id OUTPUT;"),
    Pair("scalar for a table", "EXEC dbo.usp_take @items = @id, @n = 1;", "EXEC dbo.usp_take @items = @rows, @n = 1;"),
    Pair("table for a scalar", "EXEC dbo.usp_take @items = @rows, @n = @rows;", "EXEC dbo.usp_take @items = @rows, @n = 1;"),
    Pair("table of another type", "DECLARE @o dbo.OtherRows; EXEC dbo.usp_take @items = @o, @n = 1;",
         "DECLARE @o dbo.ItemRows; EXEC dbo.usp_take @items = @o, @n = 1;"),
    Pair("rows of a call into too few columns", "DECLARE @t TABLE (a nvarchar(100)); INSERT INTO @t (a) EXEC dbo.usp_other @name = @name;",
         "DECLARE @t TABLE (a nvarchar(100), b int); INSERT INTO @t (a, b) EXEC dbo.usp_other @name = @name;"),
    Pair("INSERT from EXEC within another", "DECLARE @t TABLE (a nvarchar(100), b int); INSERT INTO @t (a, b) EXEC dbo.usp_insert_from_other;",
         "DECLARE @t TABLE (a nvarchar(100), b int); INSERT INTO @t (a, b) EXEC dbo.usp_other @name = @name;"),
    Pair("function with too many arguments", "SELECT dbo.fn_twice(1, 2) AS n;", "SELECT dbo.fn_twice(1) AS n;"),
    Pair("table function without its argument", "SELECT f.ItemId FROM dbo.fn_items() AS f;", "SELECT f.ItemId FROM dbo.fn_items(1) AS f;"),
    Pair("column of no table function", "SELECT f.Name FROM dbo.fn_items(1) AS f;", "SELECT f.ItemId FROM dbo.fn_items(1) AS f;"),
    Pair("lock without a mode", "EXEC sys.sp_getapplock @Resource = @name;", "EXEC sys.sp_getapplock @Resource = @name, @LockMode = 'Exclusive';"),
    Pair("plain CREATE of what is there", "CREATE PROCEDURE dbo.usp_insert_from_other WITH EXECUTE AS OWNER AS SELECT 1 AS n;",
         "CREATE OR ALTER PROCEDURE dbo.usp_insert_from_other WITH EXECUTE AS OWNER AS SELECT 1 AS n;"),
    Pair("change of what is not there", "CREATE OR ALTER VIEW dbo.v AS SELECT i.Name FROM dbo.Item AS i;",
         "CREATE VIEW dbo.v AS SELECT i.Name FROM dbo.Item AS i;\nGO\nCREATE OR ALTER VIEW dbo.v AS SELECT i.ItemId FROM dbo.Item AS i;"),
    Pair("call with a parameter that the last definition lacks",
         "CREATE OR ALTER PROCEDURE dbo.usp_other @name nvarchar(100) AS SELECT @name AS name;\nGO\n"
         "CREATE PROCEDURE dbo.usp_b AS EXEC dbo.usp_other @name = N'a', @n = 1;",
         "CREATE OR ALTER PROCEDURE dbo.usp_other @name nvarchar(100), @m int AS SELECT @name AS name, @m AS n;\nGO\n"
         "CREATE OR ALTER PROCEDURE dbo.usp_insert_from_other AS EXEC dbo.usp_other @name = N'a', @m = 1;"),
    Pair("function called as it was before", "CREATE OR ALTER FUNCTION dbo.fn_twice (@n int, @m int) RETURNS int AS BEGIN RETURN @n * @m; END;\nGO\n"
         "CREATE VIEW dbo.v AS SELECT dbo.fn_twice(1) AS n;",
         "CREATE OR ALTER FUNCTION dbo.fn_twice (@n int, @m int) RETURNS int AS BEGIN RETURN @n * @m; END;\nGO\n"
         "CREATE VIEW dbo.v AS SELECT dbo.fn_twice(1, 2) AS n;"),
    Pair("column that is added twice", "ALTER TABLE dbo.Item ADD Name nvarchar(9) NULL;", "ALTER TABLE dbo.Item ADD Title nvarchar(9) NULL;"),
    Pair("changed column that is not there", "ALTER TABLE dbo.Item ALTER COLUMN Title nvarchar(9) NULL;",
         "ALTER TABLE dbo.Item ALTER COLUMN Name nvarchar(9) NULL;"),
    Pair("default of no column", "ALTER TABLE dbo.Item ADD CONSTRAINT DF_Title DEFAULT N'' FOR Title;",
         "ALTER TABLE dbo.Item ADD CONSTRAINT DF_Name DEFAULT N'' FOR Name;"),
    Pair("check of no column", "ALTER TABLE dbo.Item ADD CONSTRAINT CK_Title CHECK (Title <> N'');",
         "ALTER TABLE dbo.Item ADD CONSTRAINT CK_Name CHECK (Name <> N'');"),
    Pair("dropped constraint that is not there", "ALTER TABLE dbo.Item DROP CONSTRAINT FK_Item;",
         "ALTER TABLE dbo.Item DROP CONSTRAINT FK_Item_Owner;"),
    Pair("column used after it was dropped", "ALTER TABLE dbo.Item DROP COLUMN Name;\nGO\nCREATE VIEW dbo.v AS SELECT i.Name FROM dbo.Item AS i;",
         "ALTER TABLE dbo.Item DROP COLUMN Name;\nGO\nCREATE VIEW dbo.v AS SELECT i.ItemId FROM dbo.Item AS i;"),
    Pair("dropped index that is not there", "DROP INDEX IX_Item ON dbo.Item;",
         "CREATE INDEX IX_Item ON dbo.Item (Name);\nGO\nDROP INDEX IX_Item ON dbo.Item;"),
    Pair("table type that is dropped while it is used", "DROP TYPE dbo.ItemRows;", "DROP PROCEDURE dbo.usp_take;\nDROP TYPE dbo.ItemRows;"),
    Pair("table type with a new column that is not there",
         "DROP PROCEDURE dbo.usp_take;\nDROP TYPE dbo.ItemRows;\nCREATE TYPE dbo.ItemRows AS TABLE (Ordinal int NOT NULL, Title nvarchar(9));\nGO\n"
         "CREATE PROCEDURE dbo.usp_take @items dbo.ItemRows READONLY AS SELECT r.Name FROM @items AS r;",
         "DROP PROCEDURE dbo.usp_take;\nDROP TYPE dbo.ItemRows;\nCREATE TYPE dbo.ItemRows AS TABLE (Ordinal int NOT NULL, Title nvarchar(9));\nGO\n"
         "CREATE PROCEDURE dbo.usp_take @items dbo.ItemRows READONLY AS SELECT r.Title FROM @items AS r;"),
]  # fmt: skip
