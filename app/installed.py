"""The installed services: the one place to add one."""

from app.cases.registry import ServiceDefinition
from app.services.customs.definition import CUSTOMS
from app.services.export_licence.definition import EXPORT_LICENCE
from app.services.registration.definition import REGISTRATION

SERVICES: tuple[ServiceDefinition, ...] = (REGISTRATION, EXPORT_LICENCE, CUSTOMS)
