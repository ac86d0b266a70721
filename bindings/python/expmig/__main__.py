"""``python -m expmig`` is the command ``expmig``."""
from ._command import main

main()
