"""One delivery: every attempt at it, and what happens next."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from tm20tui.operations.deliveries import DeliveryStory
from tm20tui.tui import paint
from tm20tui.tui.actions import Target
from tm20tui.tui.language import N_, _
from tm20tui.tui.modes.delivery_acts import ABANDON, PUNCH, RELEASE, RETRY, DeliveryActs, target_of
from tm20tui.tui.modes.stories import delivery_lines, direction, punch_time
from tm20tui.tui.safe import safe


class DeliveryDetail(DeliveryActs):
    """One delivery."""

    MODE = "delivery"
    NUMBER = 3
    TITLE = N_("Delivery")
    HELP_TEXT = N_("One punch owed to one service: every attempt, its answer, and what happens next.")
    ACTIONS = (RETRY, ABANDON, PUNCH, RELEASE)
    AUTO_FOCUS = "#reading"
    LOOK_SECONDS = 2.0
    DEFAULT_CSS = "DeliveryDetail #story { height: auto; }"

    def __init__(self, delivery_id: int) -> None:
        super().__init__()
        self.delivery_id = delivery_id
        self._story: DeliveryStory | None = None
        self._url = self._shown = ""
        self._text = Static(id="story", markup=False)

    def body(self) -> ComposeResult:
        """Text to read, which may be longer than the screen."""
        with VerticalScroll(id="reading", classes="panel"):
            yield self._text

    async def look(self) -> None:
        """Ask for the story and show it."""
        story: DeliveryStory = await self.call("deliveries.why", delivery_id=self.delivery_id)
        if self._story is None and story.service.deleted_at is None:
            service = await self.call("services.get", service_id=story.service.id)
            self._url = service.base_url.rstrip("/") + service.attendance_endpoint
        self._story = story
        self._draw()

    def _draw(self) -> None:
        story = self._story
        if story is None:
            return
        app, now, view = self.app, self.app.now(), story.delivery
        who = f"{safe(view.user_name, 80)} ({safe(view.enrollid, 40)})" if view.user_name else view.enrollid
        content = paint.lines(
            paint.line(
                (f"{_('Punch')}  ", "dim"),
                f"{punch_time(view, app.zone, now)} {direction(view.direction)}  ",
                safe(who, 130),
                (f"  {_('Terminal')} ", "dim"),
                safe(view.terminal_sn, 40),
            ),
            "",
            *delivery_lines(story, self._url, app.zone, now),
        )
        if self._shown != content.markup:
            self._shown = content.markup
            self._text.update(content)

    def targets(self) -> Sequence[Target]:
        """This one."""
        return [] if self._story is None else [target_of(self._story.delivery)]

    def trail(self) -> list[str]:
        """Which one."""
        return [f"{_('No.')} {self.delivery_id}"]

    def retranslate(self) -> None:
        """Draw again."""
        self._draw()
