"""Very many invented cases, written with COPY, to see the portal at scale. ``seed`` is the way in."""

from tools.demo.seeding.run import seed, tidy

__all__ = ["seed", "tidy"]
