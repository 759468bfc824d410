"""What happens to accounts, as auditors read it."""

from app.audit.verbs import register
from app.core.i18n import lazy_gettext as _l

SIGNED_UP = register("account.signed_up", _l("Signed up"))
VERIFIED = register("account.verified", _l("E-mail address confirmed"))
SIGNED_IN = register("account.signed_in", _l("Signed in"))
SIGNED_OUT = register("account.signed_out", _l("Signed out"))
SESSIONS_ENDED = register("account.sessions_ended", _l("Signed out on other devices"))
SECOND_FACTOR_GIVEN = register("account.second_factor_given", _l("Second factor given"))
SECOND_FACTOR_FAILED = register("account.second_factor_failed", _l("Wrong second factor"))
RECOVERY_CODE_USED = register("account.recovery_code_used", _l("Recovery code used"))
SECOND_FACTOR_SET = register("account.second_factor_set", _l("Second factor set up"))
RECOVERY_CODES_RENEWED = register("account.recovery_codes_renewed", _l("Recovery codes renewed"))
PASSWORD_CHANGED = register("account.password_changed", _l("Password changed"))
DETAILS_CHANGED = register("account.details_changed", _l("Name or language changed"))
EMAIL_ASKED = register("account.email_asked", _l("Asked for another e-mail address"))
EMAIL_CHANGED = register("account.email_changed", _l("E-mail address changed"))
PHONE_CONFIRMED = register("account.phone_confirmed", _l("Mobile number confirmed"))
PHONE_REMOVED = register("account.phone_removed", _l("Mobile number removed"))
TEXTS_CHOSEN = register("account.texts_chosen", _l("Texts switched on or off"))
PASSWORD_CHOSEN = register("account.password_chosen", _l("Password chosen by e-mail"))

MEMBER_INVITED = register("member.invited", _l("Member invited"))
INVITATION_WITHDRAWN = register("member.invitation_withdrawn", _l("Invitation withdrawn"))
MEMBER_JOINED = register("member.joined", _l("Member joined"))
MEMBER_ROLE_CHANGED = register("member.role_changed", _l("Member's role changed"))
MEMBER_REMOVED = register("member.removed", _l("Member removed"))

USER_CREATED = register("user.created", _l("User created"))
USER_INVITED_AGAIN = register("user.invited_again", _l("Welcome link sent again"))
RIGHTS_CHANGED = register("user.rights_changed", _l("Role or agencies changed"))
USER_DISABLED = register("user.disabled", _l("User disabled"))
USER_ENABLED = register("user.enabled", _l("User enabled"))
SECOND_FACTOR_RESET = register("user.second_factor_reset", _l("Second factor reset"))

CLIENT_CREATED = register("api_client.created", _l("API client created"))
CLIENT_SECRET_RENEWED = register("api_client.secret_renewed", _l("API client's secret renewed"))
CLIENT_DISABLED = register("api_client.disabled", _l("API client disabled"))
CLIENT_ENABLED = register("api_client.enabled", _l("API client enabled"))
