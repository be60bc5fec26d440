"""Tables of rows: where rows end, what each says, and how both become atoms. Imported when the first table comes."""
