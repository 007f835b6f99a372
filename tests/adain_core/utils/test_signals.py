from __future__ import annotations

import signal
import threading

import pytest

from adain_core import cli
from adain_core.utils.signals import (
    STOP_SIGNALS,
    flag_stop_signals,
    handle_stop_signals,
    interrupt_on_stop_signals,
)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in STOP_SIGNALS]


def ignore(_number: int, _frame: object) -> None:
    pass


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_a_request_to_stop_is_an_interrupt(number: int) -> None:
    before = handlers()
    with pytest.raises(KeyboardInterrupt), interrupt_on_stop_signals() as received:
        signal.raise_signal(number)
    assert received == [number]
    assert handlers() == before


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="POSIX")
def test_a_second_request_does_not_cut_the_cleaning_up_but_a_second_ctrl_c_does() -> None:
    cleaned = False
    with interrupt_on_stop_signals() as received:
        try:
            signal.raise_signal(signal.SIGHUP)
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
            cleaned = True
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
    assert cleaned
    assert received == [signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGINT]


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="POSIX")
def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupt_on_stop_signals() as received:
            signal.raise_signal(signal.SIGHUP)
        assert received == []
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_leave_signals_alone() -> None:
    before, seen = handlers(), []

    def work() -> None:
        with handle_stop_signals(ignore):
            seen.extend(handlers())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == before


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_every_command_ends_as_after_ctrl_c(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop() -> dict[str, object]:
        signal.raise_signal(number)
        pytest.fail("goes on")

    monkeypatch.setattr("adain_core.weights.available_models", stop)
    assert cli.main(["weights", "list"]) == 128 + number
    assert capsys.readouterr().err == "adain: error: interrupted\n"


def test_a_flag_is_set_by_the_first_request_and_a_second_ctrl_c_interrupts() -> None:
    before = handlers()
    with pytest.raises(KeyboardInterrupt), flag_stop_signals() as requested:
        assert not requested()
        signal.raise_signal(signal.SIGTERM)
        assert requested()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert handlers() == before
