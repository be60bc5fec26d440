-- An inference is recorded by one rule, whoever tells of it: usp_record_inference has it.

DROP PROCEDURE dbo.usp_merge_inference;
GO
