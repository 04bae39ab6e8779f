"""Metrics, one measurement a file: what it declares is all that is said of them anywhere.

The config knows the names of gates from these files and is loaded by every command, in a fraction of a second. So they import
nothing heavy themselves: tensors are named under `TYPE_CHECKING`, and what computes is imported where it is called.
"""
