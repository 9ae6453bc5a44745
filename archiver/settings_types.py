"""The types of settings that several sections share: checked texts, durations, sizes; and what a section is."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from archiver.domain.sign_file import REGION_NAME
from archiver.domain.text import printable
from archiver.settings_values import (
    Cron,
    check_endpoint_url,
    parse_duration,
    parse_positive_duration,
    parse_rate,
    parse_size,
    parse_timing,
)

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)


def _region(region: str) -> str:
    if REGION_NAME.fullmatch(region) is None:
        raise ValueError(f"an AWS Region such as us-east-1 is wanted, not {printable(repr(region), 60)}")
    return region


def _role(arn: str) -> str:
    if _ROLE.fullmatch(arn) is None:
        raise ValueError("arn:aws:iam::<account>:role/<name> is wanted")
    return arn


def _external_id(text: str) -> str:
    if _EXTERNAL_ID.fullmatch(text) is None:
        raise ValueError("2 to 1224 letters, digits and any of _+=,.@:/- are wanted")
    return text


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
PositiveDuration = Annotated[timedelta, BeforeValidator(parse_positive_duration)]
Timing = Annotated[timedelta | Cron, BeforeValidator(parse_timing)]
Size = Annotated[int, BeforeValidator(parse_size)]
Rate = Annotated[int, BeforeValidator(parse_rate)]
Endpoint = Annotated[str, AfterValidator(check_endpoint_url)]
Region = Annotated[str, AfterValidator(_region)]
Profile = Annotated[str, Field(min_length=1, max_length=255)]
Role = Annotated[str, AfterValidator(_role)]
ExternalId = Annotated[str, AfterValidator(_external_id)]


class Section(BaseModel):
    """A table of the configuration: frozen, and every key is known. Errors never show what was put in."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)
