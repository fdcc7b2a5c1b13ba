"""The words of progress for people: times, sizes, how far it is."""

from vsmagic.encode.progress.tally import State

_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def clock(seconds: float) -> str:
    """Return a time such as 0:07, 12:30 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count: int) -> str:
    """Return a number of bytes with a unit of thousands, such as 12.3 MB."""
    value, unit = float(count), 0
    while round(value, 1) >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{count} bytes" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def percent(state: State) -> str:
    """Return how much is done; 100 % only when all is."""
    return f"{int(state.share * 100)}%"


def pace(state: State) -> str:
    """Return the speed now and on average."""
    if not state.fps or state.done >= state.total:
        return f"{state.mean:.1f} fps"
    return f"{state.fps:.1f} fps (mean {state.mean:.1f})"


def left(state: State) -> str:
    """Return the time left, or nothing where it is unknown or over."""
    return "" if state.left is None or state.done >= state.total else f"{clock(state.left)} left"


def weight(state: State) -> str:
    """Return the size so far and in the end; nothing where there is none to speak of."""
    if state.size < 1000:
        return ""
    if state.expected is None or state.done >= state.total:
        return size(state.size)
    so_far, all_of_it = size(state.size), size(state.expected)
    if so_far.split()[1] == all_of_it.split()[1]:
        so_far = so_far.split()[0]
    return f"{so_far} of about {all_of_it}"


def line(state: State, *, share: bool = True) -> str:
    """Return all of it in one line; without the share where a bar shows it."""
    frames = (
        f"frame {state.done} of {state.total} ({percent(state)})" if share else f"{state.done} of {state.total} frames"
    )
    return ", ".join(part for part in (frames, left(state), pace(state), weight(state)) if part)
