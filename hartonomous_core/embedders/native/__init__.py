"""BERT-shaped sentence encoders in int8, compiled for this processor by LLVM: text_native.py, one folder up, uses them.

The arithmetic is the model, whatever the processor: Devlin et al. 2018 (post-norm, exact GELU) with the weights of every product in int8,
one symmetric scale per output column, its activations in int8, one symmetric scale per token, sums in int32, all else in float32.
tests/unit/int8_reference.py has it in NumPy. Kernels differ in speed alone.
"""
