"""Numbers and sentences as the pages write them. page.js writes probabilities and thresholds by the same rules."""


def probability(value: float) -> str:
    """`0.97`; a value that is not exactly 0 or 1 is not rounded to it."""
    if 0 < value < 0.005:
        return "< 0.01"
    return "> 0.99" if 0.995 <= value < 1 else f"{value:.2f}"


def threshold(value: float) -> str:
    """`0.50`, `0.4837`."""
    whole, _, decimals = f"{value:.4f}".partition(".")
    return f"{whole}.{decimals.rstrip('0'):0<2}"


def apart(value: float, limit: float) -> str:
    """As `probability`, with as many decimals (up to 6) as show whether `value` is below `limit`."""
    for decimals in range(2, 7):
        text = f"{value:.{decimals}f}"
        if (float(text) >= limit) == (value >= limit):
            return probability(value) if decimals == 2 else text
    return text


def spoken(number: str) -> str:
    """A number within a sentence: `over 0.99`."""
    return number.replace("<", "under").replace(">", "over")


def sentence(message: str) -> str:
    """A message as a sentence: with a capital and a full stop."""
    return f"{message[:1].upper()}{message[1:]}" + ("" if message.endswith((".", "?", "!")) else ".")
