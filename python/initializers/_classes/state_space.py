"""Parameters of state space models and linear recurrences. For seeds see `random_base`."""

from __future__ import annotations

from typing import Any, get_args

from .. import _core
from .._arguments.checks import check_bool, check_name, check_nonnegative, check_real_where
from .._arguments.shapes import Shape
from .._arguments.types import HippoPart, S4DPart, SeedLike
from .random_base import RandomInitializer
from .tables import Table, TableLaw, check_last_axes
from .writers import Law

_S4D_PARTS = get_args(S4DPart)
_HIPPO_PARTS = get_args(HippoPart)


class TimeStepBias(RandomInitializer):
    """Bias whose softplus is a log-uniform time step: Mamba's `dt_bias`.

    The value is x = Δ + ln(1 - exp(-Δ)), so that softplus(x) = Δ, for the time step
    Δ = max(exp(u), `dt_floor`) with u uniform between ln `dt_min` and ln `dt_max`.

    A. Gu and T. Dao (2023), Mamba: Linear-Time Sequence Modeling with Selective State Spaces.

    Args:
        dt_min: The smallest time step, in [1e-300, 1e300].
        dt_max: The largest time step, in [`dt_min`, 1e300].
        dt_floor: Shorter time steps are raised to it; a finite number >= 0.
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.

    Raises:
        TypeError: If an argument is not a number.
        ValueError: If it is out of range; on a call, if values could overflow the dtype.

    Examples:
        >>> TimeStepBias(seed=1)((3,)).tolist()
        [-4.932009220123291, -4.357645511627197, -6.5050554275512695]
    """

    dt_min: float
    dt_max: float
    dt_floor: float

    def __init__(
        self,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
        dt_floor: float = 0.0001,
        seed: SeedLike = None,
    ) -> None:
        low = check_real_where(
            "dt_min", dt_min, "in [1e-300, 1e300]", lambda dt: 1e-300 <= dt <= 1e300
        )
        wanted = f"<= 1e300 and >= `dt_min` = {low}"
        high = check_real_where("dt_max", dt_max, wanted, lambda dt: low <= dt <= 1e300)
        self._keep(dt_min=low, dt_max=high, dt_floor=check_nonnegative("dt_floor", dt_floor))
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        steps = {"dt_min": self.dt_min, "dt_max": self.dt_max, "dt_floor": self.dt_floor}
        return {**steps, **super().get_config()}

    def _law(self, shape: Shape) -> Law:
        return _core.fill_time_step_bias, (self.dt_min, self.dt_max, self.dt_floor)


class LogOfUniform(RandomInitializer):
    """Natural logarithm of a uniform draw: Mamba-2's `A_log`, and `theta_log` of the LRU.

    The value is ln v with v uniform on (minval, maxval). (It is not the log-uniform distribution,
    which is the exponential of a uniform draw.)

    T. Dao and A. Gu (2024), Transformers are SSMs: `A_log` has the bounds 1 and 16. A. Orvieto et
    al. (2023), Resurrecting Recurrent Neural Networks for Long Sequences: 0 and the largest phase.

    Args:
        minval: The lower end of the draw, a finite number >= 0.
        maxval: The upper end, a finite number >= `minval` and >= 1e-250.
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.

    Raises:
        TypeError: If an argument is not a number.
        ValueError: If it is out of range; on a call, if values could overflow the dtype.

    Examples:
        >>> LogOfUniform(1, 16, seed=1)((3,)).tolist()
        [2.00467848777771, 2.2284529209136963, 0.8369194269180298]
    """

    minval: float
    maxval: float

    def __init__(self, minval: float = 1.0, maxval: float = 16.0, seed: SeedLike = None) -> None:
        low = check_nonnegative("minval", minval)
        wanted = f">= 1e-250 and >= `minval` = {low}"
        high = check_real_where("maxval", maxval, wanted, lambda x: x >= 1e-250 and x >= low)
        self._keep(minval=low, maxval=high)
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {"minval": self.minval, "maxval": self.maxval, **super().get_config()}

    def _law(self, shape: Shape) -> Law:
        return _core.fill_log_of_uniform, (self.minval, self.maxval)


class RingRadius(RandomInitializer):
    """Parameter of the radius of eigenvalues that are uniform on a ring of the complex plane.

    The square of the radius r is uniform between the squares of `min_radius` and `max_radius`. The
    value is x = ln(-ln r), so that r = exp(-exp(x)), as `nu_log` of the LRU; with `softplus` it is
    x = ln(1/r - 1), so that r = exp(-softplus(x)), as the recurrent parameter of Griffin.

    A. Orvieto et al. (2023), Resurrecting Recurrent Neural Networks for Long Sequences; S. De et
    al. (2024), Griffin: Mixing Gated Linear Recurrences with Local Attention.

    Args:
        min_radius: The smallest radius, in [0, 1].
        max_radius: The largest radius, in [1e-100, 1], at least `min_radius`.
        softplus: Whether r = exp(-softplus(x)) rather than exp(-exp(x)).
        seed: An integer in `[-2**127, 2**127)`, a `SeedGenerator`, or None.

    Raises:
        TypeError: If an argument has a wrong type.
        ValueError: If it is out of range; on a call, if values could overflow the dtype.

    Examples:
        >>> RingRadius(0.9, 0.999, softplus=True, seed=1)((3,)).tolist()
        [-2.8185276985168457, -3.077441930770874, -2.3023388385772705]
    """

    min_radius: float
    max_radius: float
    softplus: bool

    def __init__(
        self,
        min_radius: float = 0.0,
        max_radius: float = 1.0,
        softplus: bool = False,
        seed: SeedLike = None,
    ) -> None:
        low = check_real_where("min_radius", min_radius, "in [0, 1]", lambda r: 0 <= r <= 1)
        wanted = f"in [1e-100, 1] and >= `min_radius` = {low}"
        high = check_real_where(
            "max_radius", max_radius, wanted, lambda r: max(low, 1e-100) <= r <= 1
        )
        self._keep(min_radius=low, max_radius=high, softplus=check_bool("softplus", softplus))
        super().__init__(seed)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        radii = {"min_radius": self.min_radius, "max_radius": self.max_radius}
        return {**radii, "softplus": self.softplus, **super().get_config()}

    def _law(self, shape: Shape) -> Law:
        return _core.fill_ring_radius, (self.min_radius, self.max_radius, self.softplus)


class S4D(Table):
    """Diagonal of a state matrix: one number for each state n of the last axis, in every row.

    The number is ln(n + 1) for `"log_real"`, the parameter `A_log` of S4D-Real and of Mamba;
    -(n + 1) for `"real"`, the diagonal of S4D-Real itself; π · n for `"imaginary"`, the imaginary
    parts of S4D-Lin. (The real parts of S4D-Lin are all -1/2: a `Constant`.)

    A. Gu, A. Gupta, K. Goel and C. Ré (2022), On the Parameterization and Initialization of
    Diagonal State Space Models.

    Args:
        part: `"log_real"`, `"real"` or `"imaginary"`.

    Raises:
        TypeError: If `part` is not a string.
        ValueError: If it is none of these; on a call, if the shape has no dimension, or a value
            overflows the dtype.

    Examples:
        >>> S4D()((2, 3))
        array([[0.       , 0.6931472, 1.0986123],
               [0.       , 0.6931472, 1.0986123]], dtype=float32)
    """

    part: str

    def __init__(self, part: S4DPart = "log_real") -> None:
        self._keep(part=check_name("part", part, _S4D_PARTS))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {"part": self.part}

    def _table(self, shape: Shape) -> TableLaw:
        check_last_axes("S4D", shape, 1)
        return _core.fill_s4d, (self.part,)


class Hippo(Table):
    """Matrices of HiPPO-LegS.

    `"A"` is the state matrix, of the last two axes (n, k): -√((2n + 1)(2k + 1)) below the diagonal,
    -(n + 1) on it, 0 above it. `"B"` is the input vector √(2n + 1) of the last axis. Other axes
    repeat it.

    A. Gu, T. Dao, S. Ermon, A. Rudra and C. Ré (2020), HiPPO: Recurrent Memory with Optimal
    Polynomial Projections.

    Args:
        part: `"A"` or `"B"`.

    Raises:
        TypeError: If `part` is not a string.
        ValueError: If it is neither; on a call, if the shape has too few dimensions, or a value
            overflows the dtype.

    Examples:
        >>> Hippo("A")((2, 2), "float64").tolist()
        [[-1.0, 0.0], [-1.7320508075688772, -2.0]]
    """

    part: str

    def __init__(self, part: HippoPart = "A") -> None:
        self._keep(part=check_name("part", part, _HIPPO_PARTS))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as JSON types."""
        return {"part": self.part}

    def _table(self, shape: Shape) -> TableLaw:
        check_last_axes(f"Hippo({self.part!r})", shape, 2 if self.part == "A" else 1)
        return _core.fill_hippo, (self.part,)
