// What people and the figures of record take from a finished results.json.
#include <cmath>
#include <format>

#include "evaluate/evaluate.h"

namespace triage::evaluate {
namespace {

constexpr double kAsAccurate = 0.002;  // a net alone that loses no more against a plan counts as equal

double percent(const Json& value) { return 100 * value.get<double>(); }

std::string interval_text(const Json& interval, double factor, int digits) {
  if (!interval.is_array()) return "";
  return std::format("[{:.{}f}, {:.{}f}]", interval[0].get<double>() * factor, digits,
                     interval[1].get<double>() * factor, digits);
}

std::string number_text(const Json& value, double factor, int digits, const char* unit = "") {
  return value.is_number() ? std::format("{:.{}f}{}", value.get<double>() * factor, digits, unit) : "-";
}

std::string set_text(const Json& eval, const char* title) {
  const Json& at = eval["operating_point"];
  std::string out =
      std::format("{}: {}, {} images\n", title, eval["dataset"].get<std::string>(), eval["count"].get<std::size_t>());
  const auto row = [&out](const std::string& name, const Json& of) {
    out += std::format("  {:<22} {:>7.2f} % {:<16} {:>8.1f} µs\n", name, percent(of["accuracy"]),
                       interval_text(of["interval"], 100, 2), of["latency_us"].get<double>());
  };
  for (const Json& stage : eval["static"]) row(stage["stage"].get<std::string>() + " alone", stage);
  row("plan (" + at["policy"].get<std::string>() + ")", at);
  out += "  leave at exit         ";
  for (const Json& share : at["exit_share"]) out += std::format(" {:>6.1f} %", percent(share));
  out += "\n";
  if (!eval["policies"].empty()) {
    out += std::format("\n  {:<12} {:>7} {:<18} {:>9} {:>9} {:>9}\n", "policy", "APGR", "95 % interval", "50 % gap",
                       "80 % gap", "95 % gap");
    for (const auto& [name, policy] : eval["policies"].items()) {
      const Json &apgr = policy["apgr"], &calls = policy["calls_for"];
      out += std::format("  {:<12} {:>7} {:<18} {:>9} {:>9} {:>9}\n", name, number_text(apgr["value"], 1, 4),
                         interval_text(apgr["interval"], 1, 3), number_text(calls["50"], 100, 1, " %"),
                         number_text(calls["80"], 100, 1, " %"), number_text(calls["95"], 100, 1, " %"));
    }
    out += "  (APGR: 0.5 = random; gap columns: share of images sent on to win that much of the accuracy gap)\n";
  }
  if (!eval["paired_tests"].empty()) out += "\n  paired, at the plan's latency\n";
  for (const Json& test : eval["paired_tests"]) {
    out += std::format("  {:<28} {:>+6.2f} points {:<16} p = {:.3g}\n",
                       test["a"].get<std::string>() + " - " + test["b"].get<std::string>(),
                       test["difference_points"].get<double>(), interval_text(test["interval"], 1, 2),
                       test["mcnemar_p"].get<double>());
  }
  out += "\n  calibration error (15 bins)\n";
  for (const Json& stage : eval["calibration"]) {
    out += std::format("  {:<12} {:.4f} -> {:.4f} at temperature {:.3f}\n", stage["stage"].get<std::string>(),
                       stage["before"]["ece"].get<double>(), stage["after"]["ece"].get<double>(),
                       stage["temperature"].get<double>());
  }
  if (const Json& run = eval["latency"]; run.is_object()) {
    out += std::format(
        "\n  mean latency: measured {:.1f} µs, predicted {:.1f} µs ({:+.1f} %); from the plan's stored costs {:.1f} µs "
        "({:+.1f} %)\n  {} images one by one, {:.2f} % left as predicted with the predicted label\n",
        run["measured_us"].get<double>(), run["predicted_us"].get<double>(), run["error_percent"].get<double>(),
        run["stored_predicted_us"].get<double>(), run["stored_error_percent"].get<double>(),
        run["images"].get<std::size_t>(), percent(run["agreement"]));
  }
  return out;
}

Figure figure(const Json& value, const std::string& unit, double factor, const Json& interval, const Json& count) {
  Figure out{value.get<double>() * factor, unit, {}, count.get<int>()};
  if (interval.is_array())
    out.interval = Interval{interval[0].get<double>() * factor, interval[1].get<double>() * factor};
  return out;
}

}  // namespace

std::map<std::string, Figure> figures(const Json& results, bool routing) {
  std::map<std::string, Figure> out;
  const Json &test = results["test"], &count = test["count"];
  const std::string dataset = test["dataset"].get<std::string>();
  const std::string prefix = dataset.substr(0, dataset.find('-')) + ".";  // "fashion-mnist" -> "fashion."
  for (const Json& stage : test["static"]) {
    out[prefix + stage["stage"].get<std::string>() + "_accuracy"] =
        figure(stage["accuracy"], "%", 100, stage["interval"], count);
  }
  if (!routing) return out;
  for (const auto& [name, policy] : test["policies"].items()) {
    const Json& apgr = policy["apgr"];
    if (apgr["value"].is_number()) out["routing.apgr_" + name] = figure(apgr["value"], "1", 1, apgr["interval"], count);
  }
  if (const Json& run = test["latency"]; run.is_object()) {
    out["eval.latency_error_percent"] = {
        std::abs(run["error_percent"].get<double>()), "%", {}, run["images"].get<int>()};
  }
  return out;
}

std::map<std::string, Figure> plan_figures(const Json& results, const std::string& name) {
  const Json &test = results["test"], &count = test["count"], &at = test["operating_point"];
  std::map<std::string, Figure> out;
  out[name + ".accuracy"] = figure(at["accuracy"], "%", 100, at["interval"], count);
  double macs = 0, share = 1;  // of the images that come to a stage
  const Json& stages = results["plan"]["stages"];
  for (std::size_t i = 0; i < stages.size(); ++i) {
    macs += share * stages[i]["macs"].get<double>();
    share -= at["exit_share"][i].get<double>();
  }
  out[name + ".mean_mmac"] = {.value = macs / 1e6, .unit = "MMAC", .n = count.get<int>()};
  std::optional<double> alone;
  for (const Json& stage : test["static"]) {
    const double latency = stage["latency_us"];
    const bool enough = stage["accuracy"].get<double>() >= at["accuracy"].get<double>() - kAsAccurate;
    if (enough && (!alone || latency < *alone)) alone = latency;
  }
  if (alone) out[name + ".speedup_over_static"] = {.value = *alone / at["latency_us"].get<double>(), .unit = "x"};
  for (const auto& [policy, about] : test["policies"].items()) {
    const Json& apgr = about["apgr"];
    if (apgr["value"].is_number())
      out[name + ".apgr_" + policy] = figure(apgr["value"], "1", 1, apgr["interval"], count);
  }
  if (const Json& run = test["latency"]; run.is_object()) {
    const int images = run["images"].get<int>();
    out[name + ".mean_latency_us"] = {.value = run["measured_us"], .unit = "us", .n = images};
    out[name + ".latency_error_percent"] = {
        .value = std::abs(run["error_percent"].get<double>()), .unit = "%", .n = images};
  }
  return out;
}

std::string readable(const Json& results) {
  const Json& plan = results["plan"];
  std::string out = std::format("plan {} ({} stages, policy {})\n", plan["name"].get<std::string>(),
                                plan["stages"].size(), plan["policy"].get<std::string>());
  out += "\n" + set_text(results["test"], "test");
  if (results["shift"].is_object()) out += "\n" + set_text(results["shift"], "shifted");
  return out;
}

}  // namespace triage::evaluate
