"""A placeholder for the declarations that are generated from include/expmig.h when the package is built."""
raise ImportError("these are the sources of the package; build and install it: pip install ./bindings/python")
