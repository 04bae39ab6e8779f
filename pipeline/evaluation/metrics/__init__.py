"""Declare metrics, one measurement a file: what a file declares is all that is said of its metrics anywhere.

The config knows the names of gates from these files, and every command loads it in a fraction of a second. So they
import nothing heavy themselves: tensors are named under `TYPE_CHECKING`, and what computes is imported where it is
called.
"""
