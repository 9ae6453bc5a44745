"""What AWS and its client library raise, turned into ours in one place.

Codes: Amazon S3 API Reference, "Error responses"; AWS STS and CloudTrail API References, "Common errors".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own family of network errors
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from archiver.adapters.aws.privacy import message_to_keep
from archiver.domain.text import printable
from archiver.errors import (
    ObjectChangedError,
    ObjectGoneError,
    SourceDeniedError,
    SourceError,
    SourceUnreachableError,
)

_CREDENTIALS_REMEDY: Final = (
    "give credentials as for the AWS CLI: environment, profile, or the machine's role; "
    "`aws sts get-caller-identity` shows whether they work"
)
_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_REFUSED: Final = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_CLOCK: Final = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})
_REGION: Final = frozenset(
    {
        "301",
        "307",
        "400",  # HeadObject and HeadBucket answer without a body, so the status stands in for the code
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "PermanentRedirect",
        "TemporaryRedirect",
    }
)
_CHANGED: Final = frozenset({"412", "416", "PreconditionFailed", "InvalidRange", "ConditionalRequestConflict"})
_GONE: Final = frozenset({"NoSuchKey", "NoSuchVersion", "MethodNotAllowed"})
_BUSY: Final = frozenset(
    {
        "503",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedAccess", "UnauthorizedOperation"}
)
_NONSENSE: Final = (ResponseParserError, LookupError, TypeError, ValueError, AttributeError)
"""What botocore's parsers let through where XML, JSON, numbers, times or base64 are not what they should be."""

_ARCHIVED: Final = "InvalidObjectState"
_ACTION: Final = re.compile(r"not authorized to perform:? ([a-z0-9-]{2,40}:[A-Za-z*]{1,60})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Doing:
    """What is being asked, for messages: ``what`` ("list s3://b/p"), ``permission`` that it takes.

    ``bucket``: the bucket's name where one is concerned; ``is_object``: one object of it is.
    """

    what: str
    permission: str
    bucket: str | None = None
    is_object: bool = False


@contextmanager
def translated(doing: Doing) -> Iterator[None]:
    """Turns whatever the client library raises inside into a SourceError about *doing*.

    Nothing but one call of the library belongs inside: what botocore lets through looks like errors of our own.
    """
    try:
        yield
    except ClientError as error:
        raise from_answer(error, doing) from error
    except BotoCoreError as error:
        raise from_library(error, doing) from error
    except (HTTPError, OSError) as error:
        raise SourceUnreachableError(f"cannot {doing.what}: {_text(error)}") from error
    except _NONSENSE as error:
        raise SourceUnreachableError(
            f"cannot {doing.what}: the answer makes no sense: {_text(error)}",
            "check that the endpoint is what it should be",
        ) from error


def error_code(error: SourceError) -> str:
    """The service's own code for *error*, "" where it did not come from the service."""
    cause = error.__cause__
    return str(cause.response.get("Error", {}).get("Code", "")) if isinstance(cause, ClientError) else ""


def from_answer(error: ClientError, doing: Doing) -> SourceError:
    """Our error for a refusal by the service."""
    answer: Mapping[str, Any] = error.response
    details = answer.get("Error", {})
    code = printable(str(details.get("Code", "")), 60)
    message = message_to_keep(str(details.get("Message", "")))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    cannot = f"cannot {doing.what}"
    if code in _CHANGED or status == 412:
        return ObjectChangedError(f"{cannot}: it is not the object that was listed ({code})")
    if code == "NoSuchBucket" or (code in ("404", "NotFound") and not doing.is_object):
        return SourceUnreachableError(
            f"{cannot}: bucket {doing.bucket} does not exist",
            "check the bucket's name, and endpoint_url if one is set",
        )
    if doing.is_object and (code in _GONE or status == 404):
        return ObjectGoneError(f"{cannot}: it is not there any more ({code})")
    return (
        _about_credentials(code, message, cannot)
        or _about_region(answer, code, cannot)
        or _about_permission(error, message, doing)
        or _other(code, message, status, cannot)
    )


def _about_credentials(code: str, message: str, cannot: str) -> SourceError | None:
    if code in _EXPIRED:
        return SourceUnreachableError(f"{cannot}: the AWS credentials have expired", "renew them (`aws sso login` …)")
    if code in _REFUSED:
        return SourceUnreachableError(
            f"{cannot}: AWS does not accept the credentials ({code}: {message})", _CREDENTIALS_REMEDY
        )
    if code in _CLOCK:
        return SourceUnreachableError(
            f"{cannot}: this machine's clock is too far off for AWS ({code})", "set the clock (NTP)"
        )
    return None


def _about_region(answer: Mapping[str, Any], code: str, cannot: str) -> SourceError | None:
    if code not in _REGION:
        return None
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    right = answer.get("Error", {}).get("Region") or headers.get("x-amz-bucket-region")
    if right is None and code == "400":
        return None
    where = f"it is in {printable(str(right), 40)}" if right else "it is in another Region"
    return SourceUnreachableError(f"{cannot}: wrong Region: {where} ({code})", "set the source's region")


def _about_permission(error: ClientError, message: str, doing: Doing) -> SourceError | None:
    answer: Mapping[str, Any] = error.response
    code = answer.get("Error", {}).get("Code")
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code not in _DENIED and (status != 403 or code == _ARCHIVED):
        return None
    named = _ACTION.search(message)
    role = error.operation_name == "AssumeRole"
    permission = named[1] if named else "sts:AssumeRole" if role else doing.permission
    where = (
        "the role's trust policy (and its external ID)"
        if role
        else "the caller's policies, the bucket's and the key's"
    )
    return SourceDeniedError(
        f"cannot {doing.what}: access denied, it takes {permission} ({message or code})",
        f"allow {permission}; look at {where}",
    )


def _other(code: str, message: str, status: object, cannot: str) -> SourceError:
    if code in _BUSY or status == 503:
        return SourceUnreachableError(f"{cannot}: AWS still asks to slow down after several tries ({code})")
    if code == _ARCHIVED:
        return SourceUnreachableError(
            f"{cannot}: the object is in an archival storage class", "restore it (`aws s3api restore-object`) first"
        )
    return SourceUnreachableError(f"{cannot}: {code or status}: {message}")


def from_library(error: BotoCoreError, doing: Doing) -> SourceError:
    """Our error for what failed before or beside a service's answer: credentials, Region, network."""
    cannot = f"cannot {doing.what}"
    if isinstance(error, NoCredentialsError | PartialCredentialsError | CredentialRetrievalError):
        return SourceUnreachableError(f"{cannot}: no AWS credentials: {_text(error)}", _CREDENTIALS_REMEDY)
    if isinstance(error, ProfileNotFound):
        return SourceUnreachableError(
            f"{cannot}: {_text(error)}", "name a profile that `aws configure list-profiles` shows"
        )
    if isinstance(error, SSOError | TokenRetrievalError | NoAuthTokenError):
        return SourceUnreachableError(f"{cannot}: {_text(error)}", "sign in again: `aws sso login`")
    if isinstance(error, MetadataRetrievalError):
        return SourceUnreachableError(f"{cannot}: no role from the machine: {_text(error)}", _CREDENTIALS_REMEDY)
    if isinstance(error, NoRegionError):
        return SourceUnreachableError(f"{cannot}: no Region is known", "set the source's region")
    if isinstance(error, SSLError):
        return SourceUnreachableError(
            f"{cannot}: TLS failed: {_text(error)}", "check the endpoint; AWS_CA_BUNDLE names a private CA"
        )
    if isinstance(error, ConnectionError | HTTPClientError):
        return SourceUnreachableError(f"{cannot}: {_text(error)}", "check the network and the endpoint")
    return SourceUnreachableError(f"{cannot}: {_text(error)}")


def _text(error: Exception) -> str:
    return message_to_keep(str(error)) or type(error).__name__
