from tm20tui.protocol import COMMANDS
from tm20tui.protocol.names import FAILS_AS, SERVER_ONLY


def test_every_command_is_known_as_something_only_the_server_says() -> None:
    assert set(COMMANDS) <= SERVER_ONLY
    assert not {"reg", "sendlog", "senduser", "sendqrcode", "sendpin", "checklive"} & SERVER_ONLY
    assert set(FAILS_AS) <= set(COMMANDS)
