// Non-negative least squares of relative errors (C. Lawson, R. Hanson 1974): what measured costs are made of.
#pragma once

#include <span>
#include <vector>

namespace triage::cost {

// Coefficients c >= 0 that minimise the sum over i of (rows[i] . c / measured[i] - 1)^2, exactly: every subset of them
// is tried, so there may be 16 at most. A larger subset must be better. All rows are equally long, all measured values
// above 0; `what` is what messages call them. Throws Error.
std::vector<double> fit_relative(std::span<const std::vector<double>> rows, std::span<const double> measured,
                                 const char* what);

}  // namespace triage::cost
