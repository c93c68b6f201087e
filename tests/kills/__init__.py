"""SIGKILL at every await and every commit that a server's life passes through; what the next hub finds is then compared.

``places.py`` finds the places in the bytecode and in the database driver while a life is lived, ``life.py`` is that life
in a process of its own, ``nursery.py`` makes such processes quickly. The store is a SQLite file; Kubernetes' API is the
fake of ``tests/fakes``, which lives in the test's own process and so outlives every kill.
"""
