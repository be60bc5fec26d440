"""Files that are damaged or mean harm, of every format, through the real stages."""
