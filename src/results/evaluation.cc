#include "results/evaluation.h"

#include <algorithm>
#include <cmath>

namespace triage::results {

double error_percent(double predicted, double measured) { return 100 * (predicted - measured) / measured; }
double RealRun::error_percent() const { return results::error_percent(predicted_us, measured_us); }

double Policy::accuracy_at(double latency_us) const {
  const auto above = std::ranges::lower_bound(curve, latency_us, {}, &CurvePoint::latency_us);
  if (above == curve.begin()) return curve.front().accuracy;
  if (above == curve.end()) return curve.back().accuracy;
  const CurvePoint &a = *std::prev(above), &b = *above;
  const double t = (latency_us - a.latency_us) / std::max(b.latency_us - a.latency_us, 1e-12);
  return std::lerp(a.accuracy, b.accuracy, t);
}

const Policy* Evaluation::find_policy(const std::string& name) const {
  const auto found = std::ranges::find(policies, name, &Policy::name);
  return found == policies.end() ? nullptr : &*found;
}
const StaticNet* Evaluation::find_static(const std::string& stage) const {
  const auto found = std::ranges::find(static_nets, stage, &StaticNet::stage);
  return found == static_nets.end() ? nullptr : &*found;
}
std::optional<double> Evaluation::measured_alone_us(std::size_t stage) const {
  if (!latency || stage >= latency->alone_us.size()) return std::nullopt;
  return latency->alone_us[stage];
}

Evaluation::OnCurve Evaluation::on_curve(const Accuracies& of) const {
  if (metric != plan::Metric::balanced || !of.balanced_accuracy || !of.balanced_accuracy_interval)
    return {of.accuracy, of.interval};
  return {*of.balanced_accuracy, *of.balanced_accuracy_interval};
}

double Evaluation::escalation() const { return 1 - operating_point.exit_share.front(); }

}  // namespace triage::results
