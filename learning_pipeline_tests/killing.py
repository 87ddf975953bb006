"""SIGKILL at random moments, on a machine of any speed."""

import random
import signal
import subprocess
import time
from collections.abc import Callable

TRIES = 10  # a kill


def kill_in_each_part(
    start: Callable[[], subprocess.Popen[bytes]], kills: int, whole: float, seed: int, ended: Callable[[], None]
) -> None:
    """Kill `start()` `kills` times, once at a random moment in each part of its time, which is `whole` seconds first.

    Where it ends before it is killed, `ended` is called and it is tried again within the time that it took: what
    runs again on caches that are warm, or has less left to do, is faster than the first was.

    Raises:
        AssertionError: It ended too often before it could be killed.
    """
    dice = random.Random(seed)
    killed = 0
    for _ in range(TRIES * kills):
        if killed == kills:
            break
        began = time.monotonic()
        process = start()
        try:
            process.wait(timeout=whole * (killed + dice.random()) / kills)
            whole = min(whole, time.monotonic() - began)
            ended()
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed += process.wait(timeout=30) == -signal.SIGKILL  # else it ended just before
    assert killed == kills
