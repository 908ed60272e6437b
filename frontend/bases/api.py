"""What the page Knowledge asks of the API beyond what every page does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from frontend.client import Api, File, path_part
from frontend.session import api
from frontend.views import JobAccepted


@dataclass(frozen=True, kw_only=True, slots=True)
class _Checked:
    kind: str
    location: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Deleted:
    deleted: int


class BasesApi:
    """The API of knowledge bases, over the session's own. Raises ApiError."""

    def __init__(self, own: Api) -> None:
        self._api = own

    def check_source(self, kind: str, location: str) -> None:
        """Raises ApiError for one that could not be added now."""
        self._api.send(_Checked, "POST", "/sources/check", {"kind": kind, "location": location})

    def import_base(self, file: File, name: str = "") -> str:
        """The id of the base that an export becomes; a job builds it."""
        query: dict[str, Any] = {"name": name} if name else {}
        return self._api.send_file(JobAccepted, "/knowledge-bases/import", file, query).job.knowledge_base_id or ""

    def delete_documents(self, base_id: str, ids: Sequence[str]) -> int:
        """How many there were."""
        path = f"/knowledge-bases/{path_part(base_id)}/documents/delete"
        return self._api.send(_Deleted, "POST", path, {"ids": list(ids)}).deleted

    def reread_documents(self, base_id: str, ids: Sequence[str]) -> None:
        """A job reads them again."""
        path = f"/knowledge-bases/{path_part(base_id)}/documents/reread"
        self._api.send(JobAccepted, "POST", path, {"ids": list(ids)})


def bases_api() -> BasesApi:
    """The API as this browser may use it."""
    return BasesApi(api())
