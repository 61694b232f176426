import signal

import pytest

from bench.process.interrupt import StopRequest, interruptible


def test_a_signal_is_noted_and_interrupts_at_the_next_check():
    with pytest.raises(KeyboardInterrupt), StopRequest() as stop:
        stop.check()
        signal.raise_signal(signal.SIGTERM)
        assert stop.noted
        stop.check()


def test_the_second_signal_interrupts_at_once():
    after = []
    with pytest.raises(KeyboardInterrupt), StopRequest():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        after.append(1)
    assert not after


def test_a_signal_after_the_last_check_interrupts_at_the_end_and_hides_no_error():
    with pytest.raises(KeyboardInterrupt), StopRequest():
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(OSError, match="full"), StopRequest():
        signal.raise_signal(signal.SIGTERM)
        raise OSError("full")


def test_handlers_are_put_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with interruptible(), StopRequest():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
