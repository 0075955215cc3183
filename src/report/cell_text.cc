#include "report/cell_text.h"

#include <format>

#include "report/draw/theme.h"

namespace triage::report {

std::string interval_text(const Interval& interval, int digits) {
  return std::format("[{:.{}f}, {:.{}f}]", 100 * interval.low, digits, 100 * interval.high, digits);
}
std::string with_interval(double fraction, const Interval& interval) {
  return percent(fraction, 2) + " " + interval_text(interval);
}
std::string or_never(const std::optional<double>& share) { return share ? percent(*share) : "never"; }

std::string or_dash(const std::optional<double>& share) { return share ? percent(*share) : "–"; }
std::string or_dash(const std::optional<double>& share, const std::optional<Interval>& interval) {
  return share && interval ? with_interval(*share, *interval) : or_dash(share);
}

std::string number_with_interval(const results::Estimate& of) {
  if (!of.value) return "–";
  std::string text = std::format("{:.3f}", *of.value);
  if (of.interval) text += std::format(" [{:.3f}, {:.3f}]", of.interval->low, of.interval->high);
  return text;
}

std::string p_value(double p) { return p < 0.001 ? "< 0.001" : std::format("{:.3f}", p); }

std::string signed_interval(double value, const Interval& interval, int digits) {
  return std::format("{} [{}, {}]", signed_number(value, digits), signed_number(interval.low, digits),
                     signed_number(interval.high, digits));
}

std::string policy_dot(const std::string& policy) { return std::format("var(--{})", policy); }
std::string stage_dot(std::size_t stage, std::size_t stages) {
  return std::format("light-dark({},{})", stage_color(light_theme(), stage, stages),
                     stage_color(dark_theme(), stage, stages));
}

}  // namespace triage::report
