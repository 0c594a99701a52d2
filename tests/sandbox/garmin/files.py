"""The files of activities: FIT in a ZIP, as the watch wrote it; or GPX, TCX, something broken."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta
from http import HTTPStatus
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from tests.sandbox.garmin.fit import TYPES, Encoder
from tests.sandbox.garmin.measures import measures
from tests.sandbox.garmin.profile import place
from tests.sandbox.garmin.questions import unfit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.garmin.account import Account
    from tests.sandbox.garmin.activities import Activity

ACTIVITY_FILE: Final = 4
GARMIN: Final = 1
STOPPED: Final = 4
"""Event types: 0 starts, 4 stops all."""
LAP, SESSION, TIMER, ACTIVITY_EVENT = 9, 8, 0, 26
METRES_OF_LAP: Final = 1000
DOUGHNUTS: Final = 0
"""The number of the developer field."""
GPX: Final = "http://www.topografix.com/GPX/1/1"
TCX: Final = "http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"
LONG_AGO: Final = (1980, 1, 1, 0, 0, 0)


def activity_file(account: Account, one: Activity) -> bytes:
    """Return the ZIP of an activity; legs of a multisport activity have their parent's file."""
    whole = (account.activity(one.parent_id) if one.parent_id else None) or one
    kind = account.quirks.files.get(whole.id, "fit")
    if kind == "missing":
        raise unfit("File not found.", HTTPStatus.NOT_FOUND)
    form = kind if kind in {"gpx", "tcx"} else "fit"
    name = f"{whole.id}_ACTIVITY.fit" if form == "fit" else f"activity_{whole.id}.{form}"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as found:
        if kind != "empty":
            found.writestr(zipfile.ZipInfo(name, LONG_AGO), _content(account, whole, kind))
    return archive.getvalue()


def _content(account: Account, one: Activity, kind: str) -> bytes:
    if kind == "gpx":
        return gpx(one, _points(account, one))
    if kind == "tcx":
        return tcx(one, _points(account, one))
    return _damaged(fit(account, one), kind)


def _damaged(data: bytes, kind: str) -> bytes:
    """Return a file with what is wrong with it."""
    middle = len(data) * 2 // 3
    if kind == "cut":
        return data[:middle]
    if kind == "broken":
        return data[:middle] + b"\x5f" * 40 + data[middle + 40 :]
    if kind == "checksum":
        return data[:-2] + bytes(byte ^ 0x55 for byte in data[-2:])
    return data


def fit(account: Account, one: Activity) -> bytes:
    """Return the FIT file of an activity, with a session for each leg of a multisport one."""
    legs = [leg for number in one.child_ids if (leg := account.activity(number))] or [one]
    device = account.profile.device(one.day)
    encoder = Encoder()
    encoder.add("file_id", type=ACTIVITY_FILE, manufacturer=GARMIN, product=device.type_id,
                serial_number=device.id, time_created=one.start)  # fmt: skip
    encoder.add("file_creator", software_version=2119)
    encoder.add("device_info", timestamp=one.start, device_index=0, software_version=21.19,
                manufacturer=GARMIN, serial_number=device.id, product=device.type_id)  # fmt: skip
    _declare(encoder)
    encoder.add("event", timestamp=one.start, event=TIMER, event_type=0, data=0)
    lap = 0
    for number, leg in enumerate(legs):
        lap = _session(account, encoder, leg, number, lap)
    encoder.add("unknown", first=1, second=b"sandbox"[:6])
    local = one.wall + timedelta(seconds=one.elapsed)
    encoder.add("activity", timestamp=one.end, total_timer_time=one.duration,
                num_sessions=len(legs), type=int(len(legs) > 1), event=ACTIVITY_EVENT, event_type=1,
                local_timestamp=local.replace(tzinfo=one.end.tzinfo))  # fmt: skip
    return encoder.bytes()


def _declare(encoder: Encoder) -> None:
    """Declare the developer field."""
    encoder.add("developer_data_id", application_id=bytes(range(16)), developer_data_index=0,
                application_version=7)  # fmt: skip
    encoder.add("field_description", developer_data_index=0, field_definition_number=DOUGHNUTS,
                fit_base_type_id=TYPES["float32"][0], field_name="doughnuts_earned",
                units="doughnuts")  # fmt: skip


def _session(account: Account, encoder: Encoder, leg: Activity, number: int, lap: int) -> int:
    """Add sport, records, laps and session of a leg; returns the number of the next lap."""
    sport, sub_sport = leg.sport.fit
    encoder.add("sport", sport=sport, sub_sport=sub_sport, name=leg.sport.title)
    for point in _points(account, leg):
        encoder.add("record", developer={DOUGHNUTS: point["distance"] / 9000}, **point)
    encoder.add("hrv", time=[0.41, 0.42, 0.4, None, None])
    encoder.add("event", timestamp=leg.end, event=TIMER, event_type=STOPPED, data=0)
    bounds = _lap_bounds(leg)
    for start, end in pairwise(bounds):
        encoder.add("lap", message_index=lap, timestamp=end, event=LAP, event_type=1,
                    start_time=start, total_elapsed_time=(end - start).total_seconds(),
                    total_timer_time=(end - start).total_seconds(),
                    total_distance=leg.distance / (len(bounds) - 1), avg_heart_rate=140,
                    lap_trigger=2, sport=sport)  # fmt: skip
        lap += 1
    _add_session(encoder, leg, number, lap, len(bounds) - 1)
    return lap


def _add_session(encoder: Encoder, leg: Activity, number: int, lap: int, laps: int) -> None:
    whole, (sport, sub_sport) = measures(leg), leg.sport.fit
    encoder.add("session", message_index=number, timestamp=leg.end, event=SESSION, event_type=1,
                start_time=leg.start, start_position_lat=whole.get("startLatitude"),
                start_position_long=whole.get("startLongitude"), sport=sport, sub_sport=sub_sport,
                total_elapsed_time=leg.elapsed, total_timer_time=leg.duration,
                total_distance=leg.distance, total_calories=whole["calories"],
                avg_speed=whole.get("averageSpeed"), avg_heart_rate=whole["averageHR"],
                max_heart_rate=whole["maxHR"], total_training_effect=whole["trainingEffect"],
                first_lap_index=lap - laps, num_laps=laps, trigger=0,
                time_in_hr_zone=[60.5, 600.25, 300, 120, 0], unknown=7)  # fmt: skip


def _lap_bounds(leg: Activity) -> list[datetime]:
    count = max(1, int(leg.distance // METRES_OF_LAP))
    step = timedelta(seconds=int(leg.elapsed) // count)
    return [leg.start + n * step for n in range(count)] + [leg.end]


def _points(account: Account, one: Activity) -> Iterator[dict[str, Any]]:
    """Yield what the watch recorded, as fields of records."""
    whole, every = measures(one), account.quirks.record_seconds
    count = int(one.elapsed / every)
    noise, height = one.dice("points").steps(count, -6, 6), place(one.zone)[3]
    speed = one.distance / one.elapsed
    power = whole.get("averagePower")
    for n, shift in enumerate(noise):
        at = one.start + timedelta(seconds=int(n * every))
        turn = n / max(1, count)
        point = {
            "timestamp": at,
            "heart_rate": round(whole["averageHR"]) + shift,
            "distance": round(speed * n * every, 2),
            "speed": round(speed, 3) or None,
            "power": round(power) + 3 * shift if power else None,
            "temperature": 18 + shift // 4,
        }
        if "startLatitude" in whole:
            point["position_lat"] = whole["startLatitude"] + 0.01 * turn
            point["position_long"] = whole["startLongitude"] + 0.01 * turn
            point["altitude"] = height + shift / 2
        yield point


def gpx(one: Activity, points: Iterator[dict[str, Any]]) -> bytes:
    """Return a GPX file."""
    root = ET.Element("gpx", {"version": "1.1", "creator": "A bike computer", "xmlns": GPX})
    track = ET.SubElement(root, "trk")
    ET.SubElement(track, "name").text = one.name
    segment = ET.SubElement(track, "trkseg")
    for point in points:
        where = {
            "lat": str(point.get("position_lat", 0)),
            "lon": str(point.get("position_long", 0)),
        }
        found = ET.SubElement(segment, "trkpt", where)
        ET.SubElement(found, "ele").text = str(point.get("altitude", 0))
        ET.SubElement(found, "time").text = f"{point['timestamp']:%Y-%m-%dT%H:%M:%SZ}"
    return bytes(ET.tostring(root, encoding="UTF-8", xml_declaration=True))


def tcx(one: Activity, points: Iterator[dict[str, Any]]) -> bytes:
    """Return a TCX file."""
    root = ET.Element("TrainingCenterDatabase", {"xmlns": TCX})
    activity = ET.SubElement(ET.SubElement(root, "Activities"), "Activity", {"Sport": "Other"})
    start = f"{one.start:%Y-%m-%dT%H:%M:%SZ}"
    ET.SubElement(activity, "Id").text = start
    lap = ET.SubElement(activity, "Lap", {"StartTime": start})
    ET.SubElement(lap, "TotalTimeSeconds").text = str(one.duration)
    track = ET.SubElement(lap, "Track")
    for point in points:
        found = ET.SubElement(track, "Trackpoint")
        ET.SubElement(found, "Time").text = f"{point['timestamp']:%Y-%m-%dT%H:%M:%SZ}"
        beat = ET.SubElement(found, "HeartRateBpm")
        ET.SubElement(beat, "Value").text = str(point["heart_rate"])
    return bytes(ET.tostring(root, encoding="UTF-8", xml_declaration=True))
