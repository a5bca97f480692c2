"""Which side says what: names that only the server sends, and commands whose failure is misnamed."""

from __future__ import annotations

from typing import Final

_NAMES: Final = """
    getuserlist getuserinfo setuserinfo deleteuser getusername setusername enableuser cleanuser
    getnewlog getalllog cleanlog initsys reboot cleanadmin settime gettime setdevinfo getdevinfo
    opendoor setdevlock getdevlock getuserlock setuserlock deleteuserlock cleanuserlock
    getquestionnaire setquestionnaire cleanquestionnaire getholiday setholiday deleteholiday cleanholiday
    setuserprofile getuserprofile adduser checkregstatus canceladduser disabledevice enabledevice
    getbelltime setbelltime getshift setshift lockctrl
    getuserids getallusers getalluser getalluserinfo checkuserid deleteuserface deleteusers cleaninactiveuser
    setdepartment getdepartment setcompanyname getcompanyname getdoorstatus getdevcap initmenu cleandatebase
    cleanlogphoto getreg setscreensaver setvoice getlog getrtlog getreport setschedule
"""

SERVER_ONLY: Final = frozenset(_NAMES.split())
"""A frame whose `cmd` is one of these comes from a terminal only as a misnamed reply (ai518)."""

FAILS_AS: Final = {"getdevlock": "setdevlock"}
"""Commands whose failure is printed under another name."""
