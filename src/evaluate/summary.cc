// What people and the figures of record take from a finished results.json.
#include <algorithm>
#include <cmath>
#include <format>

#include "core/text.h"
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

constexpr std::size_t kNameColumns = 24, kWorstClasses = 5;

std::string interval_beside(const Json& of, const char* key) {
  const std::string name = std::string(key) == "accuracy" ? "interval" : std::string(key) + "_interval";
  return of.contains(name) ? interval_text(of[name], 100, 2) : std::string();
}

std::string percent_text(const Json& of, const char* key, int digits = 2) {
  return of.contains(key) ? number_text(of[key], 100, digits) : "-";
}

// The classes that are recognised worst, and those nothing can be said of.
std::string worst_classes(const Json& per_class) {
  std::vector<const Json*> with_images;
  std::string without;
  std::size_t empty = 0;
  for (const Json& one : per_class) {
    if (one["recall"].is_number()) {
      with_images.push_back(&one);
    } else if (++empty <= kWorstClasses) {
      without += (without.empty() ? "" : ", ") + printable_line(one["class"].get<std::string>());
    }
  }
  std::ranges::stable_sort(with_images, {}, [](const Json* one) { return (*one)["recall"].get<double>(); });
  std::string out = "  worst classes: ";
  for (std::size_t i = 0; i < std::min(kWorstClasses, with_images.size()); ++i) {
    const Json& one = *with_images[i];
    out += std::format("{}{} {:.1f} % of {}", i ? ", " : "", printable_line(one["class"].get<std::string>()),
                       percent(one["recall"]), one["count"].get<std::size_t>());
  }
  out += "\n";
  if (empty > 0) {
    out += std::format("  without images here: {}{}\n", without,
                       empty > kWorstClasses ? std::format(" and {} more", empty - kWorstClasses) : "");
  }
  return out;
}

// Accuracies and latencies of each stage alone and of the plan.
std::string accuracy_table(const Json& eval, const std::string& costs_engine) {
  const Json &at = eval["operating_point"], &run = eval["latency"];
  const bool timed = run.is_object() && run.contains("alone_us");
  std::string out = std::format("  {} {:>9} {:<16} {:>8} {:>8} {:>8} {:>10} {:>10}\n", padded("", kNameColumns),
                                "accuracy", "95 %", "balanced", "macro F1", "top 5", "by costs", "measured");
  const auto row = [&](const std::string& name, const Json& of, const Json& measured) {
    out += std::format("  {} {:>7} % {:<16} {:>8} {:>8} {:>8} {:>10} {:>10}\n",
                       padded(printable_line(name), kNameColumns), percent_text(of, "accuracy"),
                       interval_beside(of, "accuracy"), percent_text(of, "balanced_accuracy"),
                       percent_text(of, "macro_f1"), percent_text(of, "top5_accuracy"),
                       number_text(of["latency_us"], 1, 1, " µs"), number_text(measured, 1, 1, " µs"));
  };
  for (std::size_t s = 0; s < eval["static"].size(); ++s) {
    const Json& stage = eval["static"][s];
    row(stage["stage"].get<std::string>() + " alone", stage, timed ? run["alone_us"][s] : Json());
  }
  row("plan (" + at["policy"].get<std::string>() + ")", at, run.is_object() ? run["measured_us"] : Json());
  if (at.contains("balanced_accuracy")) {
    out += std::format("  of the plan: balanced accuracy {} %, macro F1 {} %\n",
                       interval_beside(at, "balanced_accuracy"), interval_beside(at, "macro_f1"));
  }
  out += std::format("  by costs: plan.json's means ({}); measured: ", costs_engine);
  out += run.is_object() ? std::format("this run ({})\n", run["engine"].get<std::string>()) : "not in this run\n";
  return out;
}

std::string set_text(const Json& eval, const char* title, const std::string& costs_engine) {
  const Json& at = eval["operating_point"];
  std::string out = std::format("{}: {}, {} images\n", title, printable_line(eval["dataset"].get<std::string>()),
                                eval["count"].get<std::size_t>());
  out += accuracy_table(eval, costs_engine);
  const auto exits = [&](const char* what, const char* key) {
    out += std::string("  ") + padded(what, kNameColumns);
    for (const Json& value : at[key]) out += std::format(" {:>9}", number_text(value, 100, 1, " %"));
    out += "\n";
  };
  exits("leave at exit", "exit_share");
  exits("right of those", "exit_accuracy");
  out += worst_classes(at["per_class"]);
  if (!eval["policies"].empty()) {
    out += std::format("\n  {:<12} {:>7} {:<18} {:>9} {:>9} {:>9}\n", "policy", "APGR", "95 % interval", "50 % gap",
                       "80 % gap", "95 % gap");
    for (const auto& [name, policy] : eval["policies"].items()) {
      const Json &apgr = policy["apgr"], &calls = policy["calls_for"];
      out += std::format("  {:<12} {:>7} {:<18} {:>9} {:>9} {:>9}\n", name, number_text(apgr["value"], 1, 4),
                         interval_text(apgr["interval"], 1, 3), number_text(calls["50"], 100, 1, " %"),
                         number_text(calls["80"], 100, 1, " %"), number_text(calls["95"], 100, 1, " %"));
    }
    if (eval["metric"] == "balanced") out += "  (of balanced accuracy)\n";
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
  if (!eval["warnings"].empty()) out += "\n";
  for (const Json& warning : eval["warnings"]) out += "  warning: " + printable_line(warning.get<std::string>()) + "\n";
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
  std::string out = std::format("plan {} ({} stages, policy {})\n", printable_line(plan["name"].get<std::string>()),
                                plan["stages"].size(), plan["policy"].get<std::string>());
  for (const Json& warning : plan["warnings"])
    out += "  warning of its making: " + printable_line(warning.get<std::string>()) + "\n";
  const Json& test = results["test"];
  const std::string split = test["split"].get<std::string>();
  const std::string costs =
      plan["costs_engine"].is_string() ? plan["costs_engine"].get<std::string>() : "unknown engine";
  const std::string title = split == "test" ? split : split + " split, NOT the test split";
  out += "\n" + set_text(test, title.c_str(), costs);
  if (results["shift"].is_object()) out += "\n" + set_text(results["shift"], "shifted", costs);
  return out;
}

}  // namespace triage::evaluate
