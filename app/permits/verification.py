"""What a permit is worth at a moment. Expiry holds from the end of the local day, before any job has noted it."""

from datetime import datetime

from app.permits.models import Permit, PermitState


def state(permit: Permit, now: datetime) -> PermitState:
    """Revoked and used up outlast the end of validity; a suspended permit expires like any other."""
    stored = permit.stored_state
    if stored in {PermitState.REVOKED, PermitState.USED_UP}:
        return stored
    if now >= permit.expires_at:
        return PermitState.EXPIRED
    if stored is PermitState.ACTIVE and now < permit.starts_at:
        return PermitState.NOT_YET_VALID
    return stored
