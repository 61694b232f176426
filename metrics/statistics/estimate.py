"""An estimate whose error comes from networks and from images, and how sure it is.

Intervals are Banerjee's (1960): half^2 = t^2(networks) x variance by networks and rest + t^2(images) x variance by
images. They hold at least at their level whatever the parts are. With Satterthwaite's one number of degrees of freedom,
tests at 0.5 % over three networks rejected 2.7 %; that number (expected information) is kept to say how much is known.
"""

from dataclasses import dataclass

from scipy import optimize, special

LEAST = 1e-12  # p


@dataclass(frozen=True)
class Estimate:
    """A weighted sum of the fixed effects.

    Attributes:
        mean: its value.
        error: standard error.
        freedom: Satterthwaite's degrees of freedom of the error, at least 1.
        by_images: share of the error's square that images make; networks and the rest make the others.
        networks: degrees of freedom of the networks.
        images: degrees of freedom of the images.
    """

    mean: float
    error: float
    freedom: float
    by_images: float
    networks: int
    images: int

    def half(self, alpha: float) -> float:
        """Half the width of the interval at the level 1 - alpha."""
        networks, images = (float(special.stdtrit(n, alpha / 2)) ** 2 for n in (self.networks, self.images))
        return self.error * ((1 - self.by_images) * networks + self.by_images * images) ** 0.5

    def limits(self, alpha: float) -> tuple[float, float]:
        """Of the interval at the level 1 - alpha."""
        return self.mean - self.half(alpha), self.mean + self.half(alpha)

    @property
    def p_value(self) -> float:
        """Two-sided p of 0: the level at which the interval just reaches it, at least 1e-12."""
        if self.half(LEAST) < abs(self.mean):
            return LEAST
        return float(optimize.brentq(lambda alpha: self.half(alpha) - abs(self.mean), LEAST, 1, xtol=LEAST))
