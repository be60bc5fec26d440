"""The calls of the service over HTTP, for `hartonomous serve`. Knows neither SQL nor the command line; docs/http.md has each call."""
