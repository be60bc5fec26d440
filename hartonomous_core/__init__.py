"""The pure part of Hartonomous: bytes and arrays in, values out. No Dagster, no database, no network, no other package of ours."""
