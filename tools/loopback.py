"""Talk between processes of one machine never takes the way through an office's proxy."""

from collections.abc import Mapping

OWN = ("127.0.0.1", "localhost")


def direct(environment: Mapping[str, str]) -> dict[str, str]:
    """What to set beside ``environment`` so that urllib, requests and browsers reach this machine directly."""
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    names = [name.strip() for name in listed.split(",") if name.strip()]
    wanted = ",".join([*names, *(name for name in OWN if name not in names)])
    return {"no_proxy": wanted, "NO_PROXY": wanted}
