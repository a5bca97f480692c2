"""The modes of the console, by number: one module each, details beside them."""

from tm20tui.tui.mode import ModeScreen
from tm20tui.tui.modes.delivery import DeliveryMode
from tm20tui.tui.modes.live import LiveMode
from tm20tui.tui.modes.log import LogMode
from tm20tui.tui.modes.punches import PunchesMode
from tm20tui.tui.modes.schedules import SchedulesMode
from tm20tui.tui.modes.services import ServicesMode
from tm20tui.tui.modes.tasks import TasksMode
from tm20tui.tui.modes.terminals import TerminalsMode
from tm20tui.tui.modes.users import UsersMode

MODES: tuple[type[ModeScreen], ...] = (
    LiveMode,
    TerminalsMode,
    DeliveryMode,
    PunchesMode,
    UsersMode,
    SchedulesMode,
    ServicesMode,
    TasksMode,
    LogMode,
)
