"""What the models of records' data are made of. Each model becomes a JSON Schema that stands beside the data in the PDF
and is read long after this portal is gone: every field says in plain words what it holds.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType


class RecordData(BaseModel):
    """Has the fields it names and no others."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 in lower-case hexadecimal")]
# Named, so that a schema with many tables describes them once.
Cell = TypeAliasType("Cell", Annotated[str | None, Field(description="Text as printed, or null: not stated")])
Labelled = TypeAliasType("Labelled", Annotated[tuple[Cell, Cell], Field(description="Label and value")])
