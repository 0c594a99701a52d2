"""``stream_maps`` as in the Singer SDK, by the SDK's own mapper.

A mapped record is no longer the source's: it is encoded anew after the mapper changed it. Streams
that no map names take the fast road and stay as they came.
https://sdk.meltano.com/en/latest/stream_maps.html
"""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw
from singer_sdk.exceptions import (
    ConformedNameClashException,
    MapExpressionError,
    StreamMapConfigError,
)
from singer_sdk.mapper import PluginMapper, RemoveRecordTransform, SameRecordTransform

from target_bronze_postgres.errors import SettingsError
from target_bronze_postgres.record.canonical import Unstorable, decode
from target_bronze_postgres.singer.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

logger = logging.getLogger(__name__)

_MAP_ERRORS = (ConformedNameClashException, MapExpressionError, StreamMapConfigError)
_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode


class StreamMaps:
    """Maps the SCHEMA and RECORD messages of the streams that ``stream_maps`` names."""

    def __init__(self, stream_maps: Mapping[str, Any], config: Mapping[str, Any]) -> None:
        """Read the settings ``stream_maps`` and ``stream_map_config``.

        Raises:
            SettingsError: A map is malformed.
        """
        plugin_config = {
            "stream_maps": copy.deepcopy(dict(stream_maps)),
            "stream_map_config": dict(config),
        }
        try:
            self._mapper = PluginMapper(plugin_config, logger)
        except _MAP_ERRORS as error:
            raise SettingsError(f"stream_maps: {error}") from error

    def maps(self, stream: str | None) -> bool:
        """Tell whether a stream is mapped; ask after its SCHEMA."""
        return any(
            not isinstance(mapped, SameRecordTransform)
            for mapped in self._mapper.stream_maps.get(stream or "", ())
        )

    def names(self, stream: str | None) -> list[str]:
        """Return the names that a stream's records land under; none where it is left out."""
        return [
            mapped.stream_alias
            for mapped in self._mapper.stream_maps.get(stream or "", ())
            if not isinstance(mapped, RemoveRecordTransform)
        ]

    def schemas(self, message: Message) -> Iterator[Message]:
        """Yield the SCHEMA messages that a SCHEMA becomes; none where a stream is left out.

        Raises:
            SettingsError: A map does not fit the stream.
        """
        stream = message.stream or ""
        schema, keys = decode(message.schema), message.key_properties
        if isinstance(schema, dict):
            schema.setdefault("properties", {})  # the mapper cannot do without
        try:
            self._mapper.register_raw_stream_schema(stream, schema, keys)
        except (*_MAP_ERRORS, KeyError, TypeError) as error:
            raise SettingsError(f"stream_maps does not fit stream {stream!r}: {error}") from error
        for mapped in self._mapper.stream_maps[stream]:
            if isinstance(mapped, SameRecordTransform):
                yield message
            elif not isinstance(mapped, RemoveRecordTransform):
                yield Message(
                    type="SCHEMA",
                    stream=mapped.stream_alias,
                    schema=Raw(_encode(mapped.transformed_schema)),
                    key_properties=list(mapped.transformed_key_properties or []),
                    bookmark_properties=message.bookmark_properties,
                    bronze=message.bronze,
                )

    def records(self, message: Message) -> Iterator[Message]:
        """Yield the RECORD messages that a RECORD becomes; none where it is filtered out.

        Raises:
            SettingsError: An expression fails on the record.
        """
        for mapped in self._mapper.stream_maps[message.stream or ""]:
            if isinstance(mapped, SameRecordTransform):
                yield message
            elif (record := self._transform(mapped, message)) is not None:
                yield Message(
                    type="RECORD",
                    stream=mapped.stream_alias,
                    record=Raw(_encode(record)),
                    time_extracted=message.time_extracted,
                    version=message.version,
                    bronze=message.bronze,
                )

    @staticmethod
    def _transform(mapped: Any, message: Message) -> dict[str, Any] | None:
        try:
            transformed: dict[str, Any] | None = mapped.transform(decode(message.record))
        except Unstorable:
            raise
        except Exception as error:
            # The expression is the user's: whatever it raises, the setting has to be mended.
            raise SettingsError(
                f"stream_maps fails on a record of stream {message.stream!r}: "
                f"{type(error).__name__}"
            ) from error
        return transformed
