"""Whole tables: small lists without history, read whole by one request in each run."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from .base import GarminStream, members, objects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Record

__all__ = ["HeartRateZones", "UserSettings"]


class HeartRateZones(GarminStream):
    """The heart rate zones of each sport."""

    name = "heart_rate_zones"
    group = "profile"
    full_table = True
    api_endpoint = "/biometric-service/heartRateZones/v2"
    primary_keys = ("sport",)

    def read_all(self) -> Iterable[Record]:
        """Return the zones."""
        return objects(self.ask(self.api_endpoint).json(), self.api_endpoint)


class UserSettings(GarminStream):
    """The settings of the account: units, formats, its zone."""

    name = "user_settings"
    group = "profile"
    full_table = True
    api_endpoint: ClassVar = "/userprofile-service/userprofile/settings"
    primary_keys = ("displayName",)

    def read_all(self) -> Iterable[Record]:
        """Return the settings, which were asked for to know the account's zone."""
        answer = self.tap.account.settings
        self.note(answer)
        found = members(answer.json(), self.api_endpoint)
        return [found] if found else []
