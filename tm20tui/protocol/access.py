"""What terminals can be set to: themselves, doors, zones, holidays, questions and shifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

from tm20tui.protocol.kinds import CLOCK, DAY, EnrollId, Flag, Int, Many, Pattern, Span, Text, Time
from tm20tui.protocol.rows import Row, Rows

Switch: TypeAlias = Annotated[int | None, Int(0, 1)]
ZoneNumber: TypeAlias = Annotated[int | None, Int(0, 255)]


@dataclass(frozen=True, slots=True)
class LockSettings(Row):
    """The door and its access zones; None leaves a setting as it is."""

    opendelay: Annotated[int | None, Int(0, 255)] = None
    """Seconds the relay is on."""
    doorsensor: Annotated[int | None, Int(0, 2)] = None
    """0 off, 1 normally closed, 2 normally open."""
    alarmdelay: Annotated[int | None, Int(0, 255)] = None
    """0 off, else how long the door may be held open (minutes as printed)."""
    threat: Annotated[int | None, Int(0, 3)] = None
    """Duress: 0 off, 1 open and alarm, 2 alarm, 3 open."""
    input_alarm: Annotated[int | None, Int(0, 2, wire="InputAlarm")] = None
    antpass: Annotated[int | None, Int(0, 2)] = None
    """Anti-passback: 0 off, 1 this terminal is inside, 2 outside."""
    interlock: Switch = None
    tamper: Switch = None
    cardoutput: Switch = None
    mutiopen: Annotated[int | None, Int(0, 4)] = None
    """0 off, else how many persons open together."""
    tryalarm: Annotated[int | None, Int(0, 10)] = None
    """0 off, else after how many wrong tries."""
    wgformat: Switch = None
    """0 = 26 bit, 1 = 34 bit."""
    wgoutput: Annotated[int | None, Int(0, 2)] = None
    dayzone: Annotated[tuple[tuple[str, ...], ...] | None, Many(Many(Span(), 5, "section"), 8, "day")] = None
    """Up to 8 day patterns of up to 5 sections "HH:MM~HH:MM"."""
    weekzone: Annotated[
        tuple[tuple[int, ...], ...] | None, Many(Many(Int(0, 8), 7, "day", exactly=True), 8, "week")
    ] = None
    """Up to 8 weeks of 7 numbers of a dayzone (from 1), Monday first."""
    lockgroup: Annotated[tuple[int, ...] | None, Many(Int(0, 999_999_999), 5, "group")] = None
    """Up to 5 combinations: the digits are the user groups that must verify together."""
    nopentime: Annotated[tuple[int, ...] | None, Many(Int(0, 8), 7, "day", exactly=True)] = None
    """The dayzone of each weekday in which the door stays open."""
    visitortime: Annotated[tuple[int, ...] | None, Many(Int(0, 8), 7, "day", exactly=True)] = None


@dataclass(frozen=True, slots=True)
class UserLock(Row):
    """When one user may pass; None leaves a part as it is."""

    enrollid: Annotated[str | None, EnrollId()] = None
    """Required in a command; None only where a terminal's reply left it out."""
    weekzone: ZoneNumber = None
    weekzone2: ZoneNumber = None
    weekzone3: ZoneNumber = None
    weekzone4: ZoneNumber = None
    group: Annotated[int | None, Int(0, 9)] = None
    starttime: Annotated[str | None, Time()] = None
    endtime: Annotated[str | None, Time()] = None
    verifymode: Annotated[int | None, Int(0, 255)] = None


@dataclass(frozen=True, slots=True)
class Holiday(Row):
    """Days of the year on which another dayzone applies."""

    name: Annotated[str, Text(60)]
    startday: Annotated[str, Time(DAY, "MM-DD")]
    endday: Annotated[str, Time(DAY, "MM-DD")]
    shift: Annotated[int, Int(0, 255)] = 0
    dayzone: Annotated[int, Int(0, 255)] = 0


@dataclass(frozen=True, slots=True)
class Questionnaire(Row):
    """The choice a terminal offers after somebody identified; the item's number arrives as `event`."""

    title: Annotated[str | None, Text(100)] = None
    voice: Annotated[str | None, Text(100)] = None
    errmsg: Annotated[str | None, Text(100)] = None
    radio: Annotated[bool | None, Flag()] = None
    """True: one item, at most 16 to choose from; false: several, at most 8."""
    optionflag: Annotated[int | None, Int()] = None
    """The mandatory items; the encoding is not documented."""
    usequestion: Annotated[bool | None, Flag()] = None
    useschedule: Annotated[bool | None, Flag()] = None
    card: Annotated[int | None, Int(0, 1)] = None
    items: Annotated[tuple[str, ...] | None, Many(Text(100), 16)] = None
    schedules: Annotated[
        tuple[str, ...] | None,
        Many(
            Pattern(
                r"(?:[01]\d|2[0-3]):[0-5]\d-(?:[01]\d|2[0-3]):[0-5]\d\*\d{1,2}",
                "HH:MM-HH:MM*N",
            ),
            8,
        ),
    ] = None
    """"HH:MM-HH:MM*N": within it item N (from 1) is preselected."""

    def check_whole(self) -> None:
        if self.radio is False and self.items is not None and len(self.items) > 8:
            raise ValueError(f"{self.label()}items must be at most 8 where several can be chosen")


@dataclass(frozen=True, slots=True)
class ShiftSection(Row):
    start: Annotated[str, Time(CLOCK, "HH:MM")]
    end: Annotated[str, Time(CLOCK, "HH:MM")]
    type: Annotated[int, Int(0, 255)] = 0


@dataclass(frozen=True, slots=True)
class Shift(Row):
    """A named working shift (AiFace); a user refers to it by `shiftid`."""

    name: Annotated[str, Text(60)]
    cutoftime: Annotated[str, Time(CLOCK, "HH:MM")] = "00:00"
    sections: Annotated[tuple[ShiftSection, ...], Rows(ShiftSection, 3)] = (ShiftSection("00:00", "00:00"),)


@dataclass(frozen=True, slots=True)
class TerminalSettings(Row):
    """The terminal's own settings; None leaves one as it is."""

    deviceid: Annotated[int | None, Int()] = None
    language: Annotated[int | None, Int(0, 255)] = None
    """See `values.LANGUAGES`."""
    volume: Annotated[int | None, Int(0, 10)] = None
    screensaver: Annotated[int | None, Int(0, 255)] = None
    """Seconds; 0 is off."""
    verifymode: Annotated[int | None, Int(0, 255)] = None
    """See `values.VERIFY_MODES`."""
    sleep: Switch = None
    userfpnum: Annotated[int | None, Int(1, 10)] = None
    """Fingerprints per user."""
    loghint: Annotated[int | None, Int()] = None
    """Warn when so few records are free; 0 is off."""
    reverifytime: Annotated[int | None, Int(0, 255)] = None
    """Minutes within which a second punch of a user is ignored."""
    server_verify: Annotated[int | None, Int(0, 2)] = None
    """AiFace: 0 the terminal decides, 1 the server, 2 the server with the terminal as fallback."""
    use_logphoto: Switch = None
    stranger_photo: Switch = None
