// What people and the figures of record take from finished results.
#include <algorithm>
#include <cmath>
#include <format>

#include "core/text.h"
#include "evaluate/evaluate.h"

namespace triage::evaluate {
namespace {

constexpr double kAsAccurate = 0.002;  // a net alone that loses no more against a plan counts as equal
constexpr std::size_t kNameColumns = 24, kWorstClasses = 5;

std::string interval_text(const std::optional<Interval>& interval, double factor, int digits) {
  if (!interval) return "";
  return std::format("[{:.{}f}, {:.{}f}]", interval->low * factor, digits, interval->high * factor, digits);
}

std::string number_text(const std::optional<double>& value, double factor, int digits, const char* unit = "") {
  return value ? std::format("{:.{}f}{}", *value * factor, digits, unit) : "-";
}

// The classes that are recognised worst, and those nothing can be said of.
std::string worst_classes(const std::vector<results::ClassFigures>& per_class) {
  std::vector<const results::ClassFigures*> with_images;
  std::string without;
  std::size_t empty = 0;
  for (const results::ClassFigures& one : per_class) {
    if (one.recall) {
      with_images.push_back(&one);
    } else if (++empty <= kWorstClasses) {
      without += (without.empty() ? "" : ", ") + printable_line(one.name);
    }
  }
  std::ranges::stable_sort(with_images, {}, [](const auto* one) { return *one->recall; });
  std::string out = "  worst classes: ";
  for (std::size_t i = 0; i < std::min(kWorstClasses, with_images.size()); ++i) {
    const results::ClassFigures& one = *with_images[i];
    out += std::format("{}{} {:.1f} % of {}", i ? ", " : "", printable_line(one.name), 100 * *one.recall, one.count);
  }
  out += "\n";
  if (empty > 0) {
    out += std::format("  without images here: {}{}\n", without,
                       empty > kWorstClasses ? std::format(" and {} more", empty - kWorstClasses) : "");
  }
  return out;
}

// Accuracies and latencies of each stage alone and of the plan.
std::string accuracy_table(const results::Evaluation& eval, const std::string& costs_engine) {
  const results::OperatingPoint& at = eval.operating_point;
  std::string out = std::format("  {} {:>9} {:<16} {:>8} {:>8} {:>8} {:>10} {:>10}\n", padded("", kNameColumns),
                                "accuracy", "95 %", "balanced", "macro F1", "top 5", "by costs", "measured");
  const auto row = [&](const std::string& name, const results::Accuracies& of, double latency_us,
                       const std::optional<double>& measured) {
    out += std::format("  {} {:>7} % {:<16} {:>8} {:>8} {:>8} {:>10} {:>10}\n",
                       padded(printable_line(name), kNameColumns), number_text(of.accuracy, 100, 2),
                       interval_text(of.interval, 100, 2), number_text(of.balanced_accuracy, 100, 2),
                       number_text(of.macro_f1, 100, 2), number_text(of.top5_accuracy, 100, 2),
                       number_text(latency_us, 1, 1, " µs"), number_text(measured, 1, 1, " µs"));
  };
  for (std::size_t s = 0; s < eval.static_nets.size(); ++s) {
    const results::StaticNet& net = eval.static_nets[s];
    row(net.stage + " alone", net, net.latency_us, eval.measured_alone_us(s));
  }
  row("plan (" + at.policy + ")", at, at.latency_us,
      eval.latency ? std::optional(eval.latency->measured_us) : std::nullopt);
  if (at.balanced_accuracy) {
    out +=
        std::format("  of the plan: balanced accuracy {} %, macro F1 {} %\n",
                    interval_text(at.balanced_accuracy_interval, 100, 2), interval_text(at.macro_f1_interval, 100, 2));
  }
  out += std::format("  by costs: plan.json's means ({}); measured: ", costs_engine);
  out += eval.latency ? std::format("this run ({})\n", eval.latency->engine) : "not in this run\n";
  return out;
}

std::string policy_table(const results::Evaluation& eval) {
  if (eval.policies.empty()) return {};
  std::string out = std::format("\n  {:<12} {:>7} {:<18} {:>9} {:>9} {:>9}\n", "policy", "APGR", "95 % interval",
                                "50 % gap", "80 % gap", "95 % gap");
  for (const results::Policy& policy : eval.policies) {
    const auto& calls = policy.calls_for;
    out += std::format("  {:<12} {:>7} {:<18} {:>9} {:>9} {:>9}\n", policy.name, number_text(policy.apgr.value, 1, 4),
                       interval_text(policy.apgr.interval, 1, 3), number_text(calls[0], 100, 1, " %"),
                       number_text(calls[1], 100, 1, " %"), number_text(calls[2], 100, 1, " %"));
  }
  if (eval.metric == plan::Metric::balanced) out += "  (of balanced accuracy)\n";
  return out + "  (APGR: 0.5 = random; gap columns: share of images sent on to win that much of the accuracy gap)\n";
}

std::string latency_text(const results::RealRun& run) {
  const double stored = run.stored_predicted_us.value_or(NAN);
  return std::format(
      "\n  mean latency: measured {:.1f} µs, predicted {:.1f} µs ({:+.1f} %); from the plan's stored costs {:.1f} µs "
      "({:+.1f} %)\n  {} images one by one, {:.2f} % left as predicted with the predicted label\n",
      run.measured_us, run.predicted_us, run.error_percent(), stored, results::error_percent(stored, run.measured_us),
      run.images, 100 * run.agreement.value_or(NAN));
}

std::string set_text(const results::Evaluation& eval, const std::string& title, const std::string& costs_engine) {
  const results::OperatingPoint& at = eval.operating_point;
  std::string out = std::format("{}: {}, {} images\n", title, printable_line(eval.dataset), eval.count);
  out += accuracy_table(eval, costs_engine);
  const auto exits = [&](const char* what, const auto& shares) {
    out += std::string("  ") + padded(what, kNameColumns);
    for (const auto& share : shares) out += std::format(" {:>9}", number_text(share, 100, 1, " %"));
    out += "\n";
  };
  exits("leave at exit", at.exit_share);
  exits("right of those", at.exit_accuracy);
  out += worst_classes(at.per_class);
  out += policy_table(eval);
  if (!eval.paired_tests.empty()) out += "\n  paired, at the plan's latency\n";
  for (const results::PairedTest& test : eval.paired_tests) {
    out += std::format("  {:<28} {:>+6.2f} points {:<16} p = {:.3g}\n", test.a + " - " + test.b, test.difference_points,
                       interval_text(test.interval, 1, 2), test.mcnemar_p);
  }
  out += "\n  calibration error (15 bins)\n";
  for (const results::Calibration& stage : eval.calibration) {
    out += std::format("  {:<12} {:.4f} -> {:.4f} at temperature {:.3f}\n", stage.stage, stage.before.ece,
                       stage.after.ece, stage.temperature);
  }
  if (eval.latency) out += latency_text(*eval.latency);
  if (!eval.warnings.empty()) out += "\n";
  for (const std::string& warning : eval.warnings) out += "  warning: " + printable_line(warning) + "\n";
  return out;
}

Figure figure(double value, const std::string& unit, double factor, const std::optional<Interval>& interval,
              std::size_t count) {
  Figure out{value * factor, unit, {}, static_cast<int>(count)};
  if (interval) out.interval = Interval{interval->low * factor, interval->high * factor};
  return out;
}

void add_apgr(const results::Evaluation& test, const std::string& prefix, std::map<std::string, Figure>& out) {
  for (const results::Policy& policy : test.policies) {
    if (policy.apgr.value)
      out[prefix + ".apgr_" + policy.name] = figure(*policy.apgr.value, "1", 1, policy.apgr.interval, test.count);
  }
}

Figure latency_error(const results::RealRun& run) {
  return {.value = std::abs(run.error_percent()), .unit = "%", .n = static_cast<int>(run.images)};
}

}  // namespace

std::map<std::string, Figure> figures(const results::Results& results, bool routing) {
  std::map<std::string, Figure> out;
  const results::Evaluation& test = results.test;
  const std::string prefix = test.dataset.substr(0, test.dataset.find('-')) + ".";  // "fashion-mnist" -> "fashion."
  for (const results::StaticNet& net : test.static_nets)
    out[prefix + net.stage + "_accuracy"] = figure(net.accuracy, "%", 100, net.interval, test.count);
  if (!routing) return out;
  add_apgr(test, "routing", out);
  if (test.latency) out["eval.latency_error_percent"] = latency_error(*test.latency);
  return out;
}

std::map<std::string, Figure> plan_figures(const results::Results& results, const std::string& name) {
  const results::Evaluation& test = results.test;
  const results::OperatingPoint& at = test.operating_point;
  std::map<std::string, Figure> out;
  out[name + ".accuracy"] = figure(at.accuracy, "%", 100, at.interval, test.count);
  double macs = 0, share = 1;  // of the images that come to a stage
  for (std::size_t i = 0; i < results.plan.stages.size(); ++i) {
    macs += share * static_cast<double>(results.plan.stages[i].macs);
    share -= at.exit_share[i];
  }
  out[name + ".mean_mmac"] = {.value = macs / 1e6, .unit = "MMAC", .n = static_cast<int>(test.count)};
  std::optional<double> alone;
  for (const results::StaticNet& net : test.static_nets) {
    const bool enough = net.accuracy >= at.accuracy - kAsAccurate;
    if (enough && (!alone || net.latency_us < *alone)) alone = net.latency_us;
  }
  if (alone) out[name + ".speedup_over_static"] = {.value = *alone / at.latency_us, .unit = "x"};
  add_apgr(test, name, out);
  if (test.latency) {
    out[name + ".mean_latency_us"] = {
        .value = test.latency->measured_us, .unit = "us", .n = static_cast<int>(test.latency->images)};
    out[name + ".latency_error_percent"] = latency_error(*test.latency);
  }
  return out;
}

std::string readable(const results::Results& results) {
  const results::PlanFigures& plan = results.plan;
  std::string out =
      std::format("plan {} ({} stages, policy {})\n", printable_line(plan.name), plan.stages.size(), plan.policy);
  for (const std::string& warning : plan.warnings) out += "  warning of its making: " + printable_line(warning) + "\n";
  const std::string& split = results.test.split;
  const std::string costs = plan.costs_engine.empty() ? "unknown engine" : plan.costs_engine;
  out += "\n" + set_text(results.test, split == "test" ? split : split + " split, NOT the test split", costs);
  if (results.shift) out += "\n" + set_text(*results.shift, "shifted", costs);
  return out;
}

}  // namespace triage::evaluate
