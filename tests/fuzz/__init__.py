"""Random damage to everything that is read: files of every kind, and the command line.

``python -m tests.fuzz`` searches for as long as it is told to, ``test_fuzz.py`` for a moment.
"""
