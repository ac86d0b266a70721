"""Stands for the declarations that are made of include/expmig.h when the package is built."""
raise ImportError("these are the sources of the package; build and install it: pip install ./bindings/python")
