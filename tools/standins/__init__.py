"""Local stand-ins for services of others, so that the demo and the tests need no network. None is the real thing."""
