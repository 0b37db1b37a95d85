"""Position of the sun from time and place, and the air-mass factor.

Low-precision solar coordinates of Meeus, Astronomical Algorithms (2nd ed., 1998), chapters 12, 25 and 28, as
in the solar calculator of NOAA's Global Monitoring Laboratory, accurate to 0.01 degrees between 1950 and
2050. Zenith angles are geometric, without refraction (below 0.05 degrees for sun elevations above 20 degrees)
and parallax.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)
CENTURY = 36525.0
"""Days."""
DEGREES_AN_HOUR = 15.0


def sun_at(time: datetime) -> tuple[float, float]:
    """Return the declination of the sun and the equation of time (apparent minus mean time), in degrees.

    The difference between universal and terrestrial time (about a minute) changes neither by 0.001 degrees.

    Args:
        time: time with a time zone.
    """
    t = (time - J2000) / timedelta(days=1) / CENTURY
    longitude = 280.46646 + t * (36000.76983 + t * 0.0003032)
    anomaly = math.radians(357.52911 + t * (35999.05029 - t * 0.0001537))
    eccentricity = 0.016708634 - t * (0.000042037 + t * 0.0000001267)
    centre = (
        (1.914602 - t * (0.004817 + t * 0.000014)) * math.sin(anomaly)
        + (0.019993 - t * 0.000101) * math.sin(2 * anomaly)
        + 0.000289 * math.sin(3 * anomaly)
    )
    # Longitude of the lunar node, for nutation and aberration.
    node = math.radians(125.04 - 1934.136 * t)
    apparent = math.radians(longitude + centre - 0.00569 - 0.00478 * math.sin(node))
    tilt = math.radians(
        23
        + (26 + (21.448 - t * (46.815 + t * (0.00059 - t * 0.001813))) / 60) / 60
        + 0.00256 * math.cos(node)
    )
    y = math.tan(tilt / 2) ** 2
    mean = math.radians(longitude)
    equation = (
        y * math.sin(2 * mean)
        - 2 * eccentricity * math.sin(anomaly)
        + 4 * eccentricity * y * math.sin(anomaly) * math.cos(2 * mean)
        - 0.5 * y * y * math.sin(4 * mean)
        - 1.25 * eccentricity**2 * math.sin(2 * anomaly)
    )
    return math.degrees(math.asin(math.sin(tilt) * math.sin(apparent))), math.degrees(equation)


def solar_zenith(time: datetime, lon: float, lat: float) -> float:
    """Return the solar zenith angle in degrees, 0..180.

    Args:
        time: time with a time zone.
        lon: degrees east.
        lat: degrees north, geodetic.
    """
    declination, equation_of_time = sun_at(time)
    utc = time.astimezone(UTC)
    hours = (utc - utc.replace(hour=0, minute=0, second=0, microsecond=0)) / timedelta(hours=1)
    hour_angle = math.radians(hours * DEGREES_AN_HOUR + lon + equation_of_time - 180)
    phi, delta = math.radians(lat), math.radians(declination)
    cosine = math.sin(phi) * math.sin(delta) + math.cos(phi) * math.cos(delta) * math.cos(hour_angle)
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def local_hour(node_hour: float, inclination: float, lat: float) -> float:
    """Return the mean local solar time in hours of the descending pass of a sun-synchronous satellite.

    It follows from the spherical triangle of orbit, equator and meridian (Capderou, Handbook of Satellite
    Orbits, 2014, chapter 10): north of the equator it is later than at the node. Latitudes beyond the highest
    of the orbit have the time of the highest.

    Args:
        node_hour: mean local solar time at the equator.
        inclination: inclination of the orbit in degrees, above 90.
        lat: degrees north.
    """
    sine = math.tan(math.radians(lat)) / -math.tan(math.radians(inclination))
    return node_hour + math.degrees(math.asin(max(-1.0, min(1.0, sine)))) / DEGREES_AN_HOUR


def at_local_hour(day: datetime, hour: float, lon: float) -> datetime:
    """Return the universal time of a mean local solar time at a longitude, on a day of universal time.

    Args:
        day: any time of the day, with a time zone.
        hour: mean local solar time.
        lon: degrees east.
    """
    start = day.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return start + timedelta(hours=(hour - lon / DEGREES_AN_HOUR) % 24)


def air_mass_factor(sun_zenith: float, view_zenith: float) -> float:
    """Return 1/cos(sun zenith) + 1/cos(view zenith), the air-mass factor of a plane-parallel atmosphere.

    Args:
        sun_zenith: degrees, below 90.
        view_zenith: degrees, below 90.
    """
    return 1 / math.cos(math.radians(sun_zenith)) + 1 / math.cos(math.radians(view_zenith))
