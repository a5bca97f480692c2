"""Mode 7: services, their form, their terminals, and what is done to them; a real HR service answers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, Select, Static

from tests.delivery.rig import Receiver, says
from tests.tui.deliveries import fill
from tests.tui.world import Console, World, look_at, running
from tm20tui.model import Service
from tm20tui.simulate.hr import serve_hr
from tm20tui.tui.dialogs import Confirm, Notice
from tm20tui.tui.modes.service_fields import BadText, read_headers
from tm20tui.tui.modes.service_form import ServiceForm
from tm20tui.tui.modes.services import ServicesMode
from tm20tui.tui.modes.terminal_choice import TerminalChoice

SECRET = "correct-horse-battery-4f2a"


@pytest.fixture
def company(tmp_path: Path) -> Iterator[World]:
    with running(tmp_path, delivery={"allow_private_hosts": True}) as world:
        fill(world)
        yield world


look = partial(look_at, ServicesMode)
"""Run a body with a console that shows the mode."""


def mode(seen: Console) -> ServicesMode:
    return seen.mode(ServicesMode)


def form(seen: Console) -> ServiceForm:
    screen = seen.app.screen
    assert isinstance(screen, ServiceForm), seen.text()
    return screen


async def opened(seen: Console, key: str) -> ServiceForm:
    await seen.press(key)
    await seen.until(lambda: isinstance(seen.app.screen, ServiceForm) and form(seen)._start)
    return form(seen)


async def enter(seen: Console, name: str, text: str) -> None:
    form(seen).query_one(f"#field-{name}", Input).value = text
    await seen.pilot.pause()


def service(world: World, ident: int = 1) -> Service:
    found: Service = world.operate("services.get", service_id=ident)
    return found


def audited(world: World, operation: str) -> list[str]:
    return [entry.outcome for entry in world.operate("audit.list", operation=operation).entries]


def receive(world: World, **options: Any) -> tuple[Receiver, int]:
    """A real HR service in the server's loop."""
    receiver = Receiver(**options)

    async def start() -> int:
        nursery = world.bridge._nursery
        assert nursery is not None
        return await nursery.start(serve_hr, receiver, "127.0.0.1", 0)

    return receiver, world.do(start)


def test_it_shows_how_every_service_is(company: World) -> None:
    async def english(seen: Console) -> None:
        await seen.see(
            "Services · 2", "– inactive", "hr", "https://hr.example/logs", "15 min", "every terminal"
        )

    async def french(seen: Console) -> None:
        await seen.see("[7 Services]", "– inactif", "Adresse", "aussi vite qu'il répond", "n nouveau")

    look(company, english)
    look(company, french, language="fr")
    for size in ((80, 24), (60, 16), (160, 50)):

        async def small(seen: Console) -> None:
            await seen.see("hr", "pay", "– inactive")
            assert mode(seen).panel.display == (seen.app.size.height >= 24)
            await opened(seen, "n")
            await seen.see("Base URL", "^S save")

        look(company, small, size=size)


def test_a_new_service_is_checked_field_by_field_in_words_and_saved(company: World) -> None:
    async def body(seen: Console) -> None:
        await opened(seen, "n")
        await enter(seen, "base_url", "hr")
        await enter(seen, "sync_interval_minutes", "2000")
        await enter(seen, "timeout_seconds", "soon")
        await enter(seen, "extra_headers", "nonsense")
        await seen.press("ctrl+s")
        await seen.see(
            "5 fields to correct: Name, Base URL", "✗ Interval (min) must be a whole number from 0"
        )
        await seen.see(
            "✗ Time-out (s) must be a number", "✗ Name is required", "✗ More headers must be Name:"
        )
        await enter(seen, "name", "new one")
        await enter(seen, "base_url", "http://127.0.0.1:1")
        await seen.see("▲ not encrypted")
        await enter(seen, "sync_interval_minutes", "0")
        await enter(seen, "timeout_seconds", "2.5")
        await enter(seen, "extra_headers", "X-One: a, X-Two: b")
        form(seen).query_one("#field-auth_type", Select).value = "bearer"
        await seen.press("ctrl+s")
        await seen.see("✗ Token is required for Credentials bearer")
        await enter(seen, "auth_token", SECRET)
        await seen.see("ends in 4f2a")
        assert "correct-horse" not in seen.text()
        await seen.press("ctrl+s")
        await seen.see("saved: new one", "Services · 3")
        saved = service(company, 3)
        assert (saved.timeout_seconds, saved.has_auth_token, saved.auth_type) == (2.5, True, "bearer")
        assert (saved.extra_header_names, saved.terminal_ids) == (("X-One", "X-Two"), None)
        assert SECRET not in str(company.operate("audit.list").entries)

    look(company, body)


def test_what_the_server_refuses_is_said_under_its_field(company: World) -> None:
    async def body(seen: Console) -> None:
        await opened(seen, "n")
        await enter(seen, "name", "hr")
        await enter(seen, "base_url", "https://hr.example")
        await seen.press("ctrl+s")
        await seen.see("✗ il y a déjà un service nommé", "1 champ à corriger : Nom")
        await enter(seen, "name", "rh")
        await enter(seen, "batch_size", "0")
        await seen.press("ctrl+s")
        await seen.see("✗ Pointages par envoi doit être un nombre entier de 1 à 1000")

    look(company, body, language="fr")


def test_a_change_sends_only_what_changed_and_is_taken_back_by_z(company: World) -> None:
    async def body(seen: Console) -> None:
        await opened(seen, "e")
        await seen.see("[7] Services › hr")
        await enter(seen, "batch_size", "7")
        await seen.press("ctrl+s")
        await seen.see("saved: hr")
        assert service(company).batch_size == 7
        entry = company.operate("audit.list", operation="services.change").entries[0]
        assert '"given":{"batch_size":7}' in entry.arguments
        await seen.press("z")
        await seen.see("as before: hr")
        assert service(company).batch_size == 100
        await opened(seen, "enter")
        await seen.press("ctrl+s")
        await seen.see("nothing was changed")

    look(company, body)


def test_stored_secrets_are_never_shown_and_asked_again_for_another_host(company: World) -> None:
    given = {"auth_type": "bearer", "auth_token": SECRET, "extra_headers": {"X-Key": "hidden-value"}}
    company.operate("services.change", service_id=1, given=given)

    async def body(seen: Console) -> None:
        await opened(seen, "e")
        await seen.see("set — empty keeps it, - forgets it")
        assert not any(word in seen.text() for word in ("4f2a", "hidden", "horse"))
        await enter(seen, "base_url", "https://other.example")
        await seen.see("▲ enter it again: another host")
        await seen.press("ctrl+s")
        await seen.see("✗ Token must be entered again when Base URL changes its host")
        await enter(seen, "auth_token", "another-token-1234")
        await enter(seen, "extra_headers", "-")
        await seen.press("ctrl+s")
        await seen.see("saved: hr")
        assert service(company).extra_header_names == ()
        assert seen.app.next_undo is None

    look(company, body, size=(160, 50))


def test_escape_asks_only_when_something_was_changed(company: World) -> None:
    async def body(seen: Console) -> None:
        await opened(seen, "n")
        await seen.press("escape")
        assert isinstance(seen.app.screen, ServicesMode)
        await opened(seen, "n")
        await seen.press("x", "escape")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.see("Leave without saving?")
        await seen.press("enter")
        assert form(seen).query_one("#field-name", Input).value == "x"
        await seen.press("escape", "y")
        await seen.until(lambda: isinstance(seen.app.screen, ServicesMode))

    look(company, body)


def test_the_connection_is_tested_with_what_is_typed_and_as_it_is_saved(company: World) -> None:
    _receiver, port = receive(company)

    async def body(seen: Console) -> None:
        await opened(seen, "n")
        await enter(seen, "name", "local")
        await enter(seen, "base_url", f"http://127.0.0.1:{port}")
        await seen.press("ctrl+t")
        found = form(seen).query_one("#found", Static)
        await seen.until(lambda: "tcp" in str(found.content))
        await seen.until(lambda: "local" in seen.app.messages.all[-1].text)
        assert len(company.operate("services.list")) == 2
        assert seen.app.messages.all[-1].text.startswith("local: it can be reached, but ")
        await enter(seen, "base_url", "http://127.0.0.1:1")
        await seen.press("ctrl+t")
        await seen.see("local: tcp", "check the port in “Base URL”")
        assert seen.app.messages.all[-1].tone == "bad"
        await enter(seen, "base_url", f"http://127.0.0.1:{port}")
        await seen.press("ctrl+s")
        await seen.see("saved: local")
        mode(seen).grid.go_to(3)
        await seen.press("ctrl+t")
        await seen.until(lambda: isinstance(seen.app.screen, Notice))
        await seen.see("Test: local", "tcp")

    look(company, body)


def test_active_and_inactive_are_verbs_and_undone_by_z(company: World) -> None:
    async def body(seen: Console) -> None:
        mode(seen).grid.go_to(2)
        await seen.press("W")
        await seen.see("it is not active")
        await seen.press("A")
        await seen.until(lambda: service(company, 2).is_active)
        await seen.until(lambda: "activate: pay" in seen.app.messages.all[-1].text)
        await seen.press("z")
        await seen.see("inactive again: pay")
        assert not service(company, 2).is_active
        await seen.press("A")
        await seen.until(lambda: service(company, 2).is_active)
        await seen.until(lambda: "● active" in seen.text())
        await seen.press("W")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.see("its punches wait until it is active again")
        await seen.press("y")
        await seen.until(lambda: not service(company, 2).is_active)

    look(company, body)


def test_terminals_are_ticked_and_the_change_undone(company: World) -> None:
    async def body(seen: Console) -> None:
        await seen.press("m")
        await seen.until(lambda: isinstance(seen.app.screen, TerminalChoice))
        await seen.see("Terminals of hr · all", "[x]  every terminal, new ones too", "North gate")
        await seen.press("down", "down", "space")
        await seen.see("1 ticked")
        await seen.press("ctrl+s")
        await seen.see("hr: 1 terminal")
        assert service(company).terminal_ids == (2,)
        await seen.press("z")
        await seen.see("terminals as before: hr")
        assert service(company).terminal_ids is None
        await seen.press("m")
        await seen.until(lambda: isinstance(seen.app.screen, TerminalChoice))
        await seen.press("escape")
        await seen.see("nothing was changed")

    look(company, body)


def test_deleting_asks_and_wants_the_count_of_what_is_owed(company: World) -> None:
    async def body(seen: Console) -> None:
        mode(seen).grid.go_to(2)
        await seen.press("delete")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.see("it is gone; what it was sent stays in the history")
        await seen.press("enter")
        assert len(company.operate("services.list")) == 2
        await seen.press("delete")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.press("y")
        await seen.see("deleted: pay")
        mode(seen).grid.go_to(1)
        await seen.press("delete")
        await seen.see("Type 4 to confirm", "given up")
        await seen.press("4", "enter")
        await seen.see("deleted: hr", "4 given up", "no service yet")

    look(company, body)


def test_sending_by_hand_tells_what_came_of_it_and_resumes_a_paused_one(company: World) -> None:
    receiver, port = receive(company)

    async def body(seen: Console) -> None:
        await seen.press("r")
        await seen.see("it is not active")
        receiver.always = says(401)
        given = {
            "base_url": f"http://127.0.0.1:{port}",
            "attendance_endpoint": "/api/v1/attendance",
            "is_active": True,
            "sync_interval_minutes": 0,
        }
        company.operate("services.change", service_id=1, given=given)
        await seen.until(lambda: service(company).health == "paused")
        receiver.always = None
        mode(seen).action_refresh_now()
        await seen.until(lambda: "✗ paused" in seen.text())
        await seen.press("a", "p")
        await seen.until(lambda: "sent, 0 failed, 0 left" in seen.app.messages.all[-1].text)
        assert service(company).health == "healthy"
        mode(seen).action_refresh_now()
        await seen.until(lambda: "✗ paused" not in seen.text())
        await seen.press("a")
        await seen.see("it is not paused")

    look(company, body)


def test_users_are_taken_over_after_asking(company: World) -> None:
    _receiver, port = receive(company)

    async def body(seen: Console) -> None:
        await seen.press("I")
        await seen.see("it is not active")
        where = {"base_url": f"http://127.0.0.1:{port}", "attendance_endpoint": "/api/v1/attendance"}
        company.operate("services.change", service_id=1, given=where | {"is_active": True})
        mode(seen).action_refresh_now()
        await seen.until(lambda: mode(seen).grid.rows[0].record.service.is_active)
        await seen.press("I")
        await seen.see("it has no path for users: e")
        given = {"users_endpoint": "/api/v1/employees"}
        company.operate("services.change", service_id=1, given=given)
        mode(seen).action_refresh_now()
        await seen.until(lambda: mode(seen).grid.rows[0].record.service.users_endpoint)
        await seen.press("I")
        await seen.until(lambda: isinstance(seen.app.screen, Confirm))
        await seen.press("y")
        await seen.until(lambda: "received:" in seen.app.messages.all[-1].text)

    look(company, body)


def test_a_viewer_is_refused_by_every_key_and_it_is_written_down(company: World) -> None:
    async def body(seen: Console) -> None:
        for key in ("n", "e", "m", "A", "W", "delete", "enter"):
            await seen.press(key)
            await seen.see("refused: needs the role admin")
            await seen.press("escape")
            assert isinstance(seen.app.screen, ServicesMode)
        await seen.press("r")
        await seen.see("refused: needs the role operator")
        await seen.until(lambda: audited(company, "services.delete") == ["refused"])
        await seen.until(lambda: audited(company, "services.change").count("refused") == 5)

    look(company, body, role="viewer")


def test_headers_are_read_as_people_write_them() -> None:
    assert read_headers("A: b, C: d:e") == {"A": "b", "C": "d:e"}
    assert read_headers('{"A": "b, c"}') == {"A": "b, c"}
    for wrong in ("A", ": b", '{"A"', "[1]"):
        with pytest.raises(BadText):
            read_headers(wrong)
