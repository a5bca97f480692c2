"""One or more sound commands of each name."""

from __future__ import annotations

from tm20tui import protocol as p

COMMANDS: list[p.Command] = [
    p.GetUserList(),
    p.GetUserList(stn=False),
    p.GetUserInfo("7"),
    p.GetUserInfo("7", 50),
    p.SetUserInfo("7", "Ann", 11, 0, "1234567"),
    p.SetUserInfo("7", "Ann", 10, 0, "0123"),
    p.SetUserInfo("7", "Zoë", 0, 1, "ab(12)cd"),
    p.SetUserInfo("7", "Ann", 50, record="/9j/4AA="),
    p.SetUserInfo(
        "7", "Ann", card="007", pwd="12", enable=True, shiftid=1, birthday="02-29", department="IT"
    ),
    p.DeleteUser("7"),
    p.DeleteUser("7", None),
    p.GetUserName("7"),
    p.SetUserName((p.UserName("7", "Ann"), p.UserName("8", "Bob"))),
    p.EnableUser("7", enflag=False),
    p.CleanUser(),
    p.CleanAdmin(),
    p.SetUserProfile("0", "Zoë"),
    p.GetUserProfile("7"),
    p.AddUser("7", 0, username="Ann"),
    p.CheckRegStatus(),
    p.CancelAddUser(),
    p.GetNewLog(),
    p.GetAllLog(),
    p.GetAllLog(start="2025-06-01", stop="2025-06-30 23:59:59"),
    p.CleanLog(),
    p.InitSys(),
    p.Reboot(),
    p.SetTime("2025-06-01 08:00:00"),
    p.GetTime(),
    p.GetDevInfo(),
    p.SetDevInfo(volume=6, language=10, reverifytime=5),
    p.DisableDevice(),
    p.EnableDevice(),
    p.OpenDoor(),
    p.OpenDoor(4),
    p.SetDevLock(
        opendelay=5,
        input_alarm=1,
        dayzone=(("08:00~12:00", "13:00~17:30"), ("00:00~00:00",)),
        weekzone=((1, 1, 1, 1, 1, 2, 2),),
        lockgroup=(129, 0),
        nopentime=(0,) * 7,
    ),
    p.GetDevLock(),
    p.GetUserLock("7"),
    p.SetUserLock(
        (p.UserLock("7", 1, group=0, starttime="2025-01-01 00:00:00", endtime="2099-12-31 23:59:00"),)
    ),
    p.DeleteUserLock("7"),
    p.CleanUserLock(),
    p.LockCtrl(2),
    p.GetHoliday(),
    p.SetHoliday((p.Holiday("New Year", "01-01", "01-01", 0, 2),)),
    p.GetQuestionnaire(),
    p.SetQuestionnaire(
        title="?", radio=True, items=("in", "out"), schedules=("08:00-09:00*1", "00:00-00:00*0")
    ),
    p.GetBellTime(),
    p.SetBellTime(({"time": "08:00"},)),
    p.GetShift(),
    p.SetShift(
        (p.Shift("Day", "00:00", (p.ShiftSection("08:00", "12:00"), p.ShiftSection("13:00", "17:00"))),)
    ),
    p.SetSchedule(0, "08:00", "17:00", "12:00", "13:00", 15),
]
