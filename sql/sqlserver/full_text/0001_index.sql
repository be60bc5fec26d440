-- outside a transaction: the server makes full-text catalogs and indexes in none, so each is made unless it is there.
-- Full-text search over all texts, of whatever language: words as no language breaks them, and none left out. The server fills it in the
-- background, some seconds after a commit.

IF NOT EXISTS (SELECT 1 FROM sys.fulltext_catalogs AS c WHERE c.name = N'hartonomous-dbo')
    CREATE FULLTEXT CATALOG [hartonomous-dbo] WITH ACCENT_SENSITIVITY = OFF;
GO
IF NOT EXISTS (SELECT 1 FROM sys.fulltext_indexes AS i WHERE i.object_id = OBJECT_ID(N'dbo.Atom'))
    CREATE FULLTEXT INDEX ON dbo.Atom (CanonicalText LANGUAGE 0) KEY INDEX PK_Atom ON [hartonomous-dbo]
        WITH (CHANGE_TRACKING = AUTO, STOPLIST = OFF);
GO
