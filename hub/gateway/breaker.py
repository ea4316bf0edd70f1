"""A circuit breaker: a provider that fails again and again is left alone for a while. Pure; the time is an argument."""

from dataclasses import dataclass


@dataclass(slots=True)
class Breaker:
    """Opens after `most` failures in a row for `rest_s`; then one call at a time tries, and the first that succeeds closes it."""

    most: int = 5
    rest_s: float = 30.0
    failures: int = 0
    open_until: float = 0.0
    trying: bool = False

    def wait_s(self, now: float) -> float:
        """Seconds until a call may be made; 0 = now. A caller that gets 0 must report how it went."""
        if self.failures < self.most:
            return 0.0
        if now < self.open_until:
            return self.open_until - now
        if self.trying:
            return self.rest_s
        self.trying = True
        return 0.0

    def succeeded(self) -> None:
        """The provider answered: close."""
        self.failures, self.trying = 0, False

    def failed(self, now: float) -> None:
        """The provider did not answer, or answered that it is ill."""
        self.failures += 1
        self.trying = False
        if self.failures >= self.most:
            self.open_until = now + self.rest_s
