"""Measured operating points → the two throughputs of a replica, by least squares. Pure (methods: Fitting throughputs).

What belongs here: the fit, how well it holds, and why a set of points gives none. Not here: which points go together
and where the result is kept (services.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from capacity.lib.money import exact_context, to_decimal


class FitRefused(ValueError):
    """Why the points give no throughputs. `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One replica answering requests of one mix: tokens of a request, output tokens a second (all above 0)."""

    key: str
    input_tokens: int
    output_tokens: int
    output_tokens_per_second: Fraction

    def __post_init__(self) -> None:
        if min(self.input_tokens, self.output_tokens) < 1 or self.output_tokens_per_second <= 0:
            raise ValueError(f"Point {self.key} needs tokens in, tokens out and a throughput above zero.")

    @property
    def seconds_per_request(self) -> Fraction:
        """t = out ÷ Q: what one request costs the replica."""
        return self.output_tokens / self.output_tokens_per_second


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """R_in and R_out in tokens per second of one replica, and how well they explain the points.

    residual_share: √(mean of ((t̂ − t) ÷ t)²). worst_share: the relative residual, with its sign, of point worst_key.
    """

    prefill_tps: Fraction
    decode_tps: Fraction
    points: int
    residual_share: Decimal
    worst_key: str
    worst_share: Fraction


def fit_throughputs(points: Sequence[Point]) -> Fit:
    """The rates with the least Σ (in/R_in + out/R_out − t)², in exact fractions; two mixes are met exactly.

    Raises FitRefused: too_few_points, same_mix, input_costs_nothing, output_costs_nothing.
    (4,000 in, 1,000 out, t 0.35 s) and (20,000, 1,000, 0.75 s) → 40,000 and 4,000. (methods: Fitting throughputs)
    """
    if len(points) < 2:
        raise FitRefused("too_few_points", f"A fit needs at least 2 operating points, and there is {len(points)}.")
    per_input, per_output = _seconds_per_token(points)
    if per_input <= 0:
        raise FitRefused("input_costs_nothing", "The points with more input are not slower, so input has no rate.")
    if per_output <= 0:
        raise FitRefused("output_costs_nothing", "Input alone takes longer than the requests, so output has no rate.")
    residuals = {
        point.key: (point.input_tokens * per_input + point.output_tokens * per_output) / point.seconds_per_request - 1
        for point in points
    }
    worst = max(residuals, key=lambda key: (abs(residuals[key]), key))
    return Fit(
        prefill_tps=1 / per_input,
        decode_tps=1 / per_output,
        points=len(points),
        residual_share=_root(sum((share**2 for share in residuals.values()), Fraction(0)) / len(residuals)),
        worst_key=worst,
        worst_share=residuals[worst],
    )


def _seconds_per_token(points: Sequence[Point]) -> tuple[Fraction, Fraction]:
    """The solution (1/R_in, 1/R_out) of the normal equations."""
    in_in = Fraction(sum(point.input_tokens**2 for point in points))
    in_out = Fraction(sum(point.input_tokens * point.output_tokens for point in points))
    out_out = Fraction(sum(point.output_tokens**2 for point in points))
    in_t = sum((point.input_tokens * point.seconds_per_request for point in points), Fraction(0))
    out_t = sum((point.output_tokens * point.seconds_per_request for point in points), Fraction(0))
    determinant = in_in * out_out - in_out**2
    if determinant == 0:
        raise FitRefused("same_mix", "All points have the same mix of input and output: one equation for two rates.")
    return (in_t * out_out - in_out * out_t) / determinant, (in_in * out_t - in_out * in_t) / determinant


def _root(value: Fraction) -> Decimal:
    with localcontext(exact_context()):
        return to_decimal(value).sqrt()
