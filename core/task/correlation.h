// SPDX-License-Identifier: Apache-2.0
// How two series of numbers go together. Sums run in the order given, in f64, so that equal series give equal bits.
#pragma once

#include <span>
#include <vector>

namespace tessera {

/// Pearson's coefficient; NaN where a series is constant, and for fewer than two numbers.
double pearson(std::span<const double> x, std::span<const double> y);

/// Spearman's: Pearson's of the ranks.
double spearman(std::span<const double> x, std::span<const double> y);

/// From 1; equal numbers share the mean of their ranks. NaN in, NaN out.
std::vector<double> mean_ranks(std::span<const double> x);

}  // namespace tessera
