"""What every document of the API has in common."""

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from app.core.i18n import gettext as _

# A field's description is one of the messages of the catalogue: the documentation page shows it in the reader's
# language, while the OpenAPI document, which programs read, always has the English one that stands here.


class Document(BaseModel):
    """Base of what is sent and answered; a member nobody knows is a mistake worth telling."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


Quantity = Annotated[
    Decimal,
    PlainSerializer(lambda value: f"{value.normalize():f}", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["12000"]}, mode="serialization"),
]
"""A decimal number as a string, because JSON numbers lose digits on the way."""


class FieldProblem(BaseModel):
    code: str = Field(description=_("What kind of mistake it is."), examples=["missing"])
    field: str | None = Field(description=_("Where it is: names joined by dots."), examples=["hs"])
    detail: str = Field(description=_("What is wrong, for a person."), examples=["This field is needed."])


class Problem(BaseModel):
    """An error (RFC 9457). The end of ``type`` after ``#problem-`` is what a program should look at."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["https://portal.example/api/docs#problem-not_found"])
    title: str = Field(examples=["There is nothing here"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["We could not find that permit."])
    instance: str = Field(examples=["/api/v1/permits/RW-COFFEE-EXPORT-2026-00042-K"])
    errors: list[FieldProblem] | None = Field(default=None, description=_("Each mistake, when there may be several."))


__all__ = ["Document", "FieldProblem", "Problem", "Quantity"]
