// What stands in the cells of the report's tables: figures with their intervals, dashes for what does not exist, dots.
#pragma once

#include <optional>
#include <string>

#include "report/run.h"

namespace triage::report {

std::string interval_text(const Interval& interval, int digits = 1);  // of a share, in percent
std::string with_interval(double share, const Interval& interval);    // "93.10 % [92.5, 93.6]"
std::string or_never(const std::optional<double>& share);             // "12.5 %"
std::string or_dash(const std::optional<double>& share);
std::string or_dash(const std::optional<double>& share, const std::optional<Interval>& interval);
std::string number_with_interval(const results::Estimate& of);  // "0.811 [0.790, 0.832]"
std::string p_value(double p);
std::string signed_interval(double value, const Interval& interval, int digits);  // "+0.42 [+0.11, +0.73]"

// A colour both themes can show: the dots of policies and stages.
std::string policy_dot(const std::string& policy);
std::string stage_dot(std::size_t stage, std::size_t stages);

}  // namespace triage::report
