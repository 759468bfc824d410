"""The demo's people, firms and cases."""

PASSWORD = "kibali-demo"  # noqa: S105  # printed for everyone to see; production refuses to start with such accounts
