"""The demo's exporter has a confirmed number, and got texts beside the mails of late."""

from datetime import timedelta

from sqlalchemy import select

from app.cases.models import Case, InformationRequest
from app.notifications import rendering
from app.notifications.models import Message
from app.notifications.sending import post
from app.notifications.sms import alphabet, quiet
from app.notifications.sms.models import PhoneNumber, TextMessage, TextState
from tools.demo.cast import Cast
from tools.demo.story import Story

NUMBERS = {"RW": "+250788456101", "CG": "+242066456101"}
PROVIDERS = {"RW": "africastalking", "CG": "infobip"}
TEMPLATES = ("information_requested", "case_approved", "case_refused", "case_cancelled")
MOST = 12


def tell(story: Story, cast: Cast) -> None:
    session, country = story.session, story.pack.country
    number = PhoneNumber(
        user_id=cast.entrepreneur.id, number=NUMBERS[country], confirmed_at=story.now - timedelta(days=200), wanted=True
    )
    session.add(number)
    latest = session.execute(
        select(Message, Case)
        .join(Case, Case.id == Message.case_id)
        .where(Message.user_id == cast.entrepreneur.id, Message.template.in_(TEMPLATES))
        .order_by(Message.id.desc())
        .limit(MOST)
    ).all()
    for message, case in reversed(latest):
        session.add(_text(story, number.number, message, case))
    session.flush()


def _text(story: Story, number: str, message: Message, case: Case) -> TextMessage:
    asked = story.session.scalar(
        select(InformationRequest.due_at).where(InformationRequest.case_id == case.id).limit(1)
    )
    values = {"reference": case.reference, "path": f"/cases/{case.reference}", "answer_by": asked}
    body = rendering.render_text(message.template, values, locale=message.locale, base_url=post().base_url)
    fitted = alphabet.fit(body)
    handed_over = quiet.until(message.created_at, story.pack.zone) or message.created_at
    return TextMessage(
        user_id=message.user_id,
        message_id=message.id,
        number=number,
        locale=message.locale,
        template=message.template,
        body=fitted.text,
        segments=fitted.segments,
        provider=PROVIDERS[story.pack.country],
        state=TextState.DELIVERED.value,
        attempts=1,
        created_at=message.created_at,
        valid_until=handed_over + timedelta(hours=24),
        handed_over_at=handed_over,
        sent_at=handed_over + timedelta(seconds=2),
        ended_at=handed_over + timedelta(seconds=9),
    )
