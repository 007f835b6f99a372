"""SIGKILL at random moments to every command that writes, and checks of what is left.

``python -m tests.kills`` goes on for some minutes, ``test_kills.py`` for some seconds.
"""
