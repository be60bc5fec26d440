-- What schema dbo holds, as the catalog views say it. Read by `hartonomous migrate --adopt`; nothing here changes anything.

-- name: old_tables
SELECT t.name AS tableName, CONVERT(int, t.temporal_type) AS temporalType,
       (SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = t.object_id AND p.index_id IN (0, 1)) AS tableRows
FROM sys.tables AS t WHERE t.schema_id = SCHEMA_ID(N'dbo') ORDER BY t.name;

-- name: old_columns
SELECT t.name AS tableName, c.name AS columnName, COALESCE(base.name, ty.name) AS typeName, CONVERT(int, c.max_length) AS maxLength,
       CONVERT(int, c.scale) AS scale, c.collation_name AS collationName, CONVERT(int, c.is_nullable) AS isNullable,
       CONVERT(int, c.is_identity) AS isIdentity, CONVERT(int, c.generated_always_type) AS generatedAlways,
       cc.definition AS computedAs, d.name AS defaultName
FROM sys.tables AS t
INNER JOIN sys.columns AS c ON c.object_id = t.object_id
INNER JOIN sys.types AS ty ON ty.user_type_id = c.user_type_id
LEFT JOIN sys.types AS base ON base.user_type_id = c.system_type_id AND ty.is_user_defined = 1 AND ty.is_assembly_type = 0
LEFT JOIN sys.computed_columns AS cc ON cc.object_id = c.object_id AND cc.column_id = c.column_id
LEFT JOIN sys.default_constraints AS d ON d.parent_object_id = c.object_id AND d.parent_column_id = c.column_id
WHERE t.schema_id = SCHEMA_ID(N'dbo')
ORDER BY t.name, c.column_id;

-- name: old_index_columns
-- One row per column of an index; a spatial or XML index counts as one, too: it hinders a change of its column.
SELECT t.name AS tableName, i.name AS indexName, CONVERT(int, i.is_unique) AS isUnique, CONVERT(int, i.is_primary_key) AS isPrimaryKey,
       CONVERT(int, i.is_unique_constraint) AS isConstraint, i.filter_definition AS filterDefinition, c.name AS columnName,
       CONVERT(int, ic.is_included_column) AS isIncluded
FROM sys.tables AS t
INNER JOIN sys.indexes AS i ON i.object_id = t.object_id AND i.index_id > 0
INNER JOIN sys.index_columns AS ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
INNER JOIN sys.columns AS c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
WHERE t.schema_id = SCHEMA_ID(N'dbo')
ORDER BY t.name, i.index_id, ic.key_ordinal, ic.index_column_id;

-- name: old_foreign_keys
SELECT t.name AS tableName, f.name AS keyName, c.name AS columnName, r.name AS referencedTable, rc.name AS referencedColumn,
       f.delete_referential_action_desc AS onDelete
FROM sys.foreign_keys AS f
INNER JOIN sys.foreign_key_columns AS fc ON fc.constraint_object_id = f.object_id
INNER JOIN sys.tables AS t ON t.object_id = f.parent_object_id
INNER JOIN sys.columns AS c ON c.object_id = fc.parent_object_id AND c.column_id = fc.parent_column_id
INNER JOIN sys.tables AS r ON r.object_id = f.referenced_object_id
INNER JOIN sys.columns AS rc ON rc.object_id = fc.referenced_object_id AND rc.column_id = fc.referenced_column_id
WHERE t.schema_id = SCHEMA_ID(N'dbo') OR r.schema_id = SCHEMA_ID(N'dbo')
ORDER BY t.name, f.name, fc.constraint_column_id;

-- name: old_checks
SELECT t.name AS tableName, k.name AS checkName, k.definition AS definition
FROM sys.check_constraints AS k
INNER JOIN sys.tables AS t ON t.object_id = k.parent_object_id
WHERE t.schema_id = SCHEMA_ID(N'dbo')
ORDER BY t.name, k.name;

-- name: old_bound_columns
-- Columns that a view or function WITH SCHEMABINDING holds fast.
SELECT t.name AS tableName, c.name AS columnName, OBJECT_NAME(d.referencing_id) AS boundBy
FROM sys.sql_expression_dependencies AS d
INNER JOIN sys.tables AS t ON t.object_id = d.referenced_id
INNER JOIN sys.columns AS c ON c.object_id = d.referenced_id AND c.column_id = d.referenced_minor_id
WHERE d.is_schema_bound_reference = 1 AND t.schema_id = SCHEMA_ID(N'dbo') AND OBJECT_NAME(d.referencing_id) IS NOT NULL
    AND d.referencing_id <> d.referenced_id
ORDER BY t.name, c.name;

-- name: old_objects
-- Everything that has a name in the schema, constraints and triggers too: two things may not share one.
SELECT o.name AS objectName, RTRIM(o.type) AS objectType, OBJECT_NAME(NULLIF(o.parent_object_id, 0)) AS parentName,
       CASE WHEN EXISTS (SELECT 1 FROM sys.sql_expression_dependencies AS d
                         WHERE d.referenced_id = o.object_id AND d.is_schema_bound_reference = 1
                             AND d.referencing_id <> o.object_id) THEN 1 ELSE 0 END AS isBound
FROM sys.objects AS o WHERE o.schema_id = SCHEMA_ID(N'dbo') AND o.is_ms_shipped = 0
UNION ALL
SELECT ty.name, 'TYPE', NULL, 0 FROM sys.types AS ty WHERE ty.schema_id = SCHEMA_ID(N'dbo') AND ty.is_user_defined = 1
ORDER BY objectName;

-- name: set_aside_schema
SELECT SCHEMA_ID(N'hartonomous_old') AS schemaId;
