"""ctresearch: a workbench for research on trafficking in persons in the Caribbean.

Start reading at `problems` and go up the floors listed in tests/test_house.py.
"""

__version__ = "0.1.0"
