from __future__ import annotations

import argparse
import re
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tm20tui.locale import install
from tm20tui.simulate.cli import _print_fleet, _print_hr, configure
from tm20tui.simulate.hr import HrService
from tm20tui.simulate.stats import FleetStats

PROGRAM = (
    "import argparse, sys; from tm20tui.simulate.cli import configure; p = argparse.ArgumentParser(); "
    "configure(p); a = p.parse_args(); sys.exit(a.run(a))"
)


_NOTHING = FleetStats(1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, None, None, "", 0.0)


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulate")
    configure(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "required: COMMAND"),
        (["terminals", "--url", "http://x"], "must begin with ws:// or wss://"),
        (["terminals", "--url", "ws://x:99999"], "has a port outside 1..65535"),
        (["terminals", "--count", "0"], "not a whole number from 1 to"),
        (["terminals", "--rate", "fast"], "not a number of at least 0"),
        (["terminals", "--rate", "nan"], "not a number of at least 0"),
        (["terminals", "--family", "TM20"], "invalid choice"),
        (["terminals", "--offline-share", "1"], "not a number from 0 to 0.99"),
        (["hr", "--fail", "nope"], "is not one of none, 204, 5xx, 429"),
        (["hr", "--fail-share", "2"], "not a number from 0 to 1"),
        (["hr", "--port", "70000"], "not a whole number from 0 to 65535"),
    ],
)
def test_wrong_arguments_exit_2_with_a_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(*words)
    assert ended.value.code == 2
    assert sentence in capsys.readouterr().err


def test_files_and_ports_that_cannot_be_used_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "missing" / "ledger")
    arguments = parse("hr", "--ledger", nowhere)
    assert arguments.run(arguments) == 2
    arguments = parse("terminals", "--ledger", nowhere)
    assert arguments.run(arguments) == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arguments = parse("hr", "--port", str(taken.getsockname()[1]))
        assert arguments.run(arguments) == 3
    said = capsys.readouterr().err.splitlines()
    assert ["No such file" in said[0], "No such file" in said[1]] == [True, True]
    assert "cannot listen on 127.0.0.1" in said[2]


def test_a_server_that_is_away_ends_calmly_when_the_time_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = parse("terminals", "--url", "ws://127.0.0.1:1/", "--count", "2", "--duration", "0.3")
    assert arguments.run(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 terminals dial ws://127.0.0.1:1/; Ctrl+C ends them."
    assert re.match(r"ended after \d+\.\d s: ", lines[1])


def test_what_was_made_is_waited_for_or_said_not_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["terminals", "--url", "ws://127.0.0.1:1/", "--count", "1", "--punches", "2", "--rate", "1000"]
    arguments = parse(*words, "--drain", "0.2")
    assert arguments.run(arguments) == 1
    assert "not everything was acknowledged within 0.2 s" in capsys.readouterr().out
    arguments = parse(*words, "--drain", "0")
    assert arguments.run(arguments) == 0
    assert "what is not acknowledged was not waited for" in capsys.readouterr().out
    assert parse(*words).drain is None


def test_the_status_is_told_in_french(capsys: pytest.CaptureFixture[str]) -> None:
    install("fr")
    try:
        arguments = parse("terminals", "--url", "ws://127.0.0.1:1/", "--count", "1", "--duration", "0.3")
        assert arguments.run(arguments) == 0
        _print_fleet(replace(_NOTHING, made=1, acked=2, violations=2, trouble="cannot reach a:1: closed"))
        _print_hr(HrService())
        with pytest.raises(SystemExit):
            parse("hr", "--port", "x")
    finally:
        install("en")
    told = capsys.readouterr()
    lines = told.out.splitlines()
    assert lines[0] == "1 terminal appelle ws://127.0.0.1:1/ ; Ctrl+C l'arrête."
    assert lines[1].startswith("terminé après 0.3 s : ")
    assert lines[1].endswith("0 trame, 0 renvoyé, 0 reconnexion, 0 commande, 0 violation du protocole")
    assert lines[-2] == (
        "     0 s  0/1 inscrits, 1 pointage, 2 acquittés, 0 en attente, 2 violations du protocole ; "
        "a:1 ne peut pas être joint : fermé, nouvel essai"
    )
    assert lines[-1] == (
        "0 pointage unique sur 0 reçu, 0 rejoué, 0 livré deux fois, 0 violation du protocole ; demandes : 0"
    )
    assert "'x' n'est pas un nombre entier de 0 à 65535" in told.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("words", [["hr", "--port", "0"], ["terminals", "--url", "ws://127.0.0.1:1/"]])
def test_signals_end_with_exit_0(words: list[str], number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert out
