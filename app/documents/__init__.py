"""Bytes: what people upload (hostile until shown otherwise) and the records the state issues."""
