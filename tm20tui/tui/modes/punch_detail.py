"""The whole way of one punch on one screen: the frame, the record, every service, every attempt."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tm20tui.operations.punch_details import Judgement
from tm20tui.operations.punches import PunchStory
from tm20tui.tui import formats, paint
from tm20tui.tui.actions import Target
from tm20tui.tui.language import N_, _, sentence
from tm20tui.tui.mode import ModeScreen
from tm20tui.tui.modes.punch_words import verdict_text
from tm20tui.tui.modes.punches import RELEASE_PUNCH
from tm20tui.tui.modes.stories import delivery_lines, direction
from tm20tui.tui.punch_cells import identified_by, sync_state
from tm20tui.tui.safe import safe

_WIDEST_LINE = 2000


class PunchDetail(ModeScreen):
    """One punch; `mode` is where it was opened from."""

    TITLE = N_("Punches")
    HELP_TEXT = N_("One punch from the frame that brought it to every service, and what happens next.")
    ACTIONS = (RELEASE_PUNCH,)
    AUTO_FOCUS = "#reading"
    LOOK_SECONDS = 2.0
    DEFAULT_CSS = "PunchDetail #story { height: auto; }"

    def __init__(self, punch_id: int, mode: str = "punches") -> None:
        super().__init__()
        self.MODE = mode  # type: ignore[misc]
        self.punch_id = punch_id
        self._story: PunchStory | None = None
        self._judged: Judgement | None = None
        self._urls: dict[int, str] = {}
        self._shown = ""
        self._text = Static(id="story", markup=False)

    def body(self) -> ComposeResult:
        """Text to read, which may be longer than the screen."""
        with VerticalScroll(id="reading", classes="panel"):
            yield self._text

    async def look(self) -> None:
        """Ask for the story and show it."""
        story: PunchStory = await self.call("punches.why", punch_id=self.punch_id)
        if self._story is None:
            services = await self.call("services.list")
            self._urls = {one.id: one.base_url.rstrip("/") + one.attendance_endpoint for one in services}
        if story != self._story:
            judged = await self.call("punches.judge", punch_ids=[self.punch_id])
            self._judged = judged.get(self.punch_id)
        self._story = story
        self._draw()

    def _draw(self) -> None:
        if self._story is None:
            return
        content = paint.lines(*self._record(self._story), "", *self._services(self._story), *self._frame())
        if content.markup != self._shown:
            self._shown = content.markup
            self._text.update(content)

    def _record(self, story: PunchStory) -> list[Content]:
        app, log = self.app, story.log
        now, state = app.now(), sync_state(story.log)
        zone = formats.zone_of(log.timezone)
        at = formats.moment(log.time_utc, zone, now) if log.time_utc else safe(log.time_raw, 40)
        who = f"{safe(log.user_name, 80)} ({safe(log.enrollid, 40)})" if log.user_name else safe(log.enrollid)
        facts = [
            (_("Who"), who),
            (_("When"), f"{at} ({safe(log.timezone, 40)}) — {_('as sent')}{_(': ')}{safe(log.time_raw, 40)}"),
            (_("Where"), safe(self._terminal(), 120)),
            (_("How"), " · ".join(self._how())),
            (_("Received"), formats.moment(log.received_at, app.zone, now)),
        ]
        if log.time_problem:
            facts.append((_("Time"), _("not trusted: {problem}").format(problem=_(log.time_problem))))
        verdict, tone = verdict_text(self._judged, with_role=True)
        width = max(len(name) for name, _text in facts) + 2
        rows = [paint.line((f"{name:<{width}}", "dim"), text) for name, text in facts]
        if verdict:
            rows.append(paint.line((f"{_('On time?'):<{width}}", "dim"), (verdict, tone)))
        rows.append(paint.line((f"{_('State'):<{width}}", "dim"), (state.text(), state.tone)))
        return rows

    def _terminal(self) -> str:
        assert self._story is not None
        log = self._story.log
        line = self.app.terminal_line(log.terminal_id)
        return f"{log.terminal_sn} {line.name}" if line is not None and line.name else log.terminal_sn

    def _how(self) -> list[str]:
        assert self._story is not None
        log = self._story.log
        said = [direction(log.direction), identified_by(log)]
        said.append(_("access granted") if log.access_granted else _("access refused"))
        if log.temperature:
            said.append(f"{formats.decimal(log.temperature)} °C")
        if log.has_photo:
            said.append(_("with a photo"))
        return [safe(one, 60) for one in said if one]

    def _services(self, story: PunchStory) -> list[Content]:
        app, now = self.app, self.app.now()
        if not story.deliveries:
            return [
                paint.line((_("Services"), "strong")),
                Content("  " + safe(sentence(story.note), 300)),
                Content(),
            ]
        rows: list[Content] = []
        for one in story.deliveries:
            url = "" if one.service.deleted_at is not None else self._urls.get(one.service.id, "")
            rows += [*delivery_lines(one, url, app.zone, now), Content()]
        return rows

    def _frame(self) -> list[Content]:
        assert self._story is not None
        frame = self._story.frame
        rows = [paint.line((_("As it came from the terminal"), "strong"))]
        if frame is None:
            return [*rows, Content("  " + safe(sentence(self._story.frame_note), 300))]
        if frame.record:
            rows.append(paint.line((f"  {_('Record')}  ", "dim"), safe(frame.record, _WIDEST_LINE)))
        size = _("{count} characters").format(count=formats.number(frame.length))
        rows.append(
            paint.line((f"  {_('Frame')}  ", "dim"), (f"{size}  ", "dim"), safe(frame.text, _WIDEST_LINE))
        )
        return rows

    def targets(self) -> Sequence[Target]:
        """This one."""
        if self._story is None:
            return []
        log = self._story.log
        label = f"{_('No.')} {log.id} · {safe(log.user_name or log.enrollid, 40)}"
        return [Target(log.id, label, word=str(log.id), record=log)]

    def trail(self) -> list[str]:
        """Which one."""
        return [f"{_('Punch')} {self.punch_id}"]

    def retranslate(self) -> None:
        """Draw again."""
        self._draw()
