"""Selling abroad: what a product still needs before it may be listed, and the listings themselves."""
