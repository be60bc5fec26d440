"""Pure array functions that put vectors in 3-D and on a Hilbert curve."""
