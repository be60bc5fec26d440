"""Where the tensors of a file of model weights lie. Headers only: no values are read here, and no code of a file is ever run."""
