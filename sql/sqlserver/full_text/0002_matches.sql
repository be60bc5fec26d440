-- What usp_lexical_matches asks where there is a full-text index.

-- Atoms that hold some of the terms, words or phrases; the server ranks them by BM25 over their words, among the texts of all tenants. What is
-- more than 4,000 characters of terms, is left out: a condition is no longer.
CREATE PROCEDURE dbo.usp_full_text_matches @terms nvarchar(max), @tenant_id int, @wanted nvarchar(max), @n int
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    DECLARE @words nvarchar(4000), @condition nvarchar(4000);
    SELECT @words = STRING_AGG(CONVERT(nvarchar(max), t.Term), N' '),
        @condition = STRING_AGG(CONVERT(nvarchar(max), CONCAT(N'"', t.Term, N'"')), N' OR ')
    FROM (SELECT g.Term, SUM(LEN(g.Term) + 6) OVER (ORDER BY g.Place ROWS UNBOUNDED PRECEDING) AS Length
          FROM (SELECT CONVERT(int, j.[key]) AS Place, REPLACE(CONVERT(nvarchar(1000), j.value), N'"', N' ') AS Term
                FROM OPENJSON(@terms) AS j) AS g) AS t
    WHERE t.Length <= 4000;
    SELECT TOP (@n) a.AtomId AS atomId, CONVERT(float, f.[RANK]) AS score
    FROM FREETEXTTABLE(dbo.Atom, CanonicalText, @words) AS f
    INNER JOIN dbo.Atom AS a ON a.AtomId = f.[KEY]
    WHERE a.TenantId = @tenant_id AND CONTAINS(a.CanonicalText, @condition)
        AND (@wanted IS NULL OR a.AtomId IN (SELECT CONVERT(bigint, j.value) FROM OPENJSON(@wanted) AS j))
    ORDER BY f.[RANK] DESC, DATALENGTH(a.CanonicalText), a.AtomId;
END;
GO
