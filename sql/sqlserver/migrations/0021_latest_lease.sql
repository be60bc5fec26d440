-- For whoever doubts the clock.

-- Until when the longest claim of a source or job holds; NULL without one.
CREATE PROCEDURE dbo.usp_latest_lease
WITH EXECUTE AS OWNER
AS
BEGIN
    SET NOCOUNT ON;
    SELECT MAX(held.LeaseUntil) AS leaseUntil
    FROM
    (
        SELECT s.LeaseUntil FROM dbo.Source AS s WHERE s.Status = 'Atomizing'
        UNION ALL
        SELECT j.LeaseUntil FROM dbo.BackgroundJob AS j WHERE j.Status = 'InProgress'
    ) AS held;
END;
