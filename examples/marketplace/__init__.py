"""A small marketplace that uses nothing but the portal's public API: a model for integrators.

It shares no code with the portal. Read ``portal.py`` for how to ask, ``shop.py`` for what to do with the answers and
``__main__.py`` for how they are put together.
"""
