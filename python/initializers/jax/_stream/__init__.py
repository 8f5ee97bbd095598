"""The stream of docs/stream.md in operations of JAX: the same bits, made inside a compiled program.

Read these files beside that page: the names are the page's.

- `wide.py`: 64-bit numbers as two of 32 bits, as JAX has no others by default.
- `words.py`: section 1.
- `exact.py`: products, quotients and roots that a compiler cannot change; section 3.
- `laws.py`: sections 4 to 6.
- `block.py`: any block of a tensor, piece by piece.
"""
