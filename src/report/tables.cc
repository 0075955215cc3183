#include "report/tables.h"

#include <algorithm>
#include <cmath>
#include <format>

#include "report/cell_text.h"
#include "report/class_tables.h"
#include "report/draw/theme.h"
#include "report/html.h"

namespace triage::report {
namespace {

std::string policies(const Evaluation& evaluation) {
  const double at = evaluation.operating_point.latency_us;
  if (evaluation.policies.empty()) return {};
  Table table({"policy", "APGR [95 %]", "random 0, oracle 1", "calls for 50 %", "for 80 %", "for 95 % of the gap",
               std::format("accuracy at {}", duration_us(at))});
  for (const Policy& policy : evaluation.policies) {
    table.row(
        {{policy_title(policy.name), policy_dot(policy.name), "", policy.name == evaluation.operating_point.policy},
         {number_with_interval(policy.apgr)},
         {policy.between_random_and_oracle.value ? std::format("{:.3f}", *policy.between_random_and_oracle.value)
                                                 : "–"},
         {or_never(policy.calls_for[0])},
         {or_never(policy.calls_for[1])},
         {or_never(policy.calls_for[2])},
         {percent(policy.accuracy_at(at), 2)}});
  }
  return table.html();
}

std::string energy_of(const StageDetails& stage) {
  if (!stage.measured || !stage.measured->energy_uj) return "not available";
  const double uj = *stage.measured->energy_uj;
  return uj < 1e3 ? std::format("{:.1f} µJ", uj) : std::format("{:.2f} mJ", uj / 1e3);
}

std::string stages(const Run& run) {
  const Results& results = run.results;
  Table table({"stage", "widths", "precision", "engine", "MACs", "parameters", "accuracy alone [95 %]", "mean latency",
               "alone, run for real", "energy", "images that leave here", "right of those"});
  const std::size_t count = results.plan.stages.size();
  const std::vector<std::optional<double>>& right = results.test.operating_point.exit_accuracy;
  for (std::size_t i = 0; i < count; ++i) {
    const StageFigures& stage = results.plan.stages[i];
    const StaticNet* alone = results.test.find_static(stage.name);
    const std::optional<double> measured_alone = results.test.measured_alone_us(i);
    const StageDetails& details = run.stages[i];
    const std::string mean = details.measured   ? duration_us(details.measured->latency_us.mean)
                             : stage.latency_us ? duration_us(*stage.latency_us)
                                                : "–";
    table.row({{stage.name, stage_dot(i, count), "", true},
               {stage.arch},
               {details.precision ? plan::to_string(*details.precision) : "–"},
               {details.engine.empty() ? "–" : details.engine},
               {count_text(static_cast<double>(stage.macs))},
               {count_text(static_cast<double>(stage.parameters))},
               {alone ? with_interval(alone->accuracy, alone->interval) : "–"},
               {mean},
               {measured_alone ? duration_us(*measured_alone) : "–"},
               {energy_of(details)},
               {percent(results.test.operating_point.exit_share[i])},
               {i < right.size() ? or_dash(right[i]) : "–"}});
  }
  return table.html();
}

std::string percentiles(const Run& run) {
  Table table({"stage", "runs", "min", "mean", "median", "p90", "p95", "p99", "max", "first run", "load"});
  const std::size_t count = run.stages.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (!run.stages[i].measured) continue;
    const plan::MeasuredCost& measured = *run.stages[i].measured;
    const Summary& s = measured.latency_us;
    std::vector<Cell> row{{run.results.plan.stages[i].name, stage_dot(i, count), "", true}, {grouped(s.count)}};
    for (const double us : {s.min, s.mean, s.median, s.p90, s.p95, s.p99, s.max}) row.push_back({duration_us(us)});
    row.push_back({duration_us(measured.first_inference_us)});
    row.push_back({duration_us(measured.load_ms * 1e3)});
    table.row(row);
  }
  return table.empty() ? std::string() : table.html();
}

std::string calibration(const Results& results) {
  if (results.test.calibration.empty()) return {};
  std::vector<std::string> header{"stage", "temperature", "ECE before", "ECE after"};
  if (results.shift) header.insert(header.end(), {"ECE before, shifted", "ECE after, shifted"});
  Table table(header);
  for (const Calibration& stage : results.test.calibration) {
    std::vector<Cell> row{{stage.stage, "", "", true},
                          {std::format("{:.3f}", stage.temperature)},
                          {percent(stage.before.ece, 2)},
                          {percent(stage.after.ece, 2)}};
    if (results.shift) {
      const auto found = std::ranges::find(results.shift->calibration, stage.stage, &Calibration::stage);
      const bool there = found != results.shift->calibration.end();
      row.push_back({there ? percent(found->before.ece, 2) : "–"});
      row.push_back({there ? percent(found->after.ece, 2) : "–"});
    }
    table.row(row);
  }
  return table.html();
}

std::string shift(const Results& results) {
  if (!results.shift) return {};
  const Evaluation &test = results.test, &other = *results.shift;
  Table table({"", test.dataset, other.dataset, "change"});
  const auto points = [](double a, double b) { return signed_number(100 * (b - a), 2) + " points"; };
  const auto add = [&](const std::string& name, double a, double b) {
    table.row({{name}, {percent(a, 2)}, {percent(b, 2)}, {points(a, b)}});
  };
  add("accuracy of the plan", test.operating_point.accuracy, other.operating_point.accuracy);
  for (const StaticNet& net : test.static_nets) {
    if (const StaticNet* same = other.find_static(net.stage)) add(net.stage + " alone", net.accuracy, same->accuracy);
  }
  add("images sent on", test.escalation(), other.escalation());
  table.row(
      {{"mean latency"},
       {duration_us(test.operating_point.latency_us)},
       {duration_us(other.operating_point.latency_us)},
       {std::format("{:+.1f} %", 100 * (other.operating_point.latency_us / test.operating_point.latency_us - 1))}});
  for (const Policy& policy : test.policies) {
    const Policy* same = other.find_policy(policy.name);
    if (!same || !same->apgr.value || !policy.apgr.value || policy.name == "random" || policy.name == "oracle")
      continue;
    table.row({{"APGR, " + policy_title(policy.name), policy_dot(policy.name)},
               {std::format("{:.3f}", *policy.apgr.value)},
               {std::format("{:.3f}", *same->apgr.value)},
               {signed_number(*same->apgr.value - *policy.apgr.value, 3)}});
  }
  return table.html();
}

std::string apgr_differences(const Results& results) {
  Table table({"comparison", "data set", "APGR difference [95 %]"});
  const auto add = [&](const Evaluation& evaluation) {
    for (const auto& [a, b, apgr] : evaluation.apgr_differences) {
      if (!apgr.value) continue;
      table.row({{a + " against " + b},
                 {evaluation.dataset},
                 {apgr.interval ? signed_interval(*apgr.value, *apgr.interval, 4) : signed_number(*apgr.value, 4)}});
    }
  };
  add(results.test);
  if (results.shift) add(*results.shift);
  return table.empty() ? std::string() : table.html();
}

std::string paired(const Evaluation& evaluation) {
  if (evaluation.paired_tests.empty()) return {};
  Table table({"comparison", "at latency", "difference [95 %], points", "McNemar p"});
  for (const results::PairedTest& test : evaluation.paired_tests) {
    table.row({{test.a + " against " + test.b},
               {duration_us(test.at_latency_us)},
               {signed_interval(test.difference_points, test.interval, 2)},
               {p_value(test.mcnemar_p)}});
  }
  return table.html();
}

std::string latency_check(const Results& results) {
  Table table({"data set", "images", "predicted mean", "measured mean", "error", "from plan.json",
               "same exit and label", "engine"});
  const auto add = [&](const Evaluation& evaluation) {
    if (!evaluation.latency) return;
    const results::RealRun& l = *evaluation.latency;
    table.row({{evaluation.dataset},
               {grouped(l.images)},
               {duration_us(l.predicted_us)},
               {duration_us(l.measured_us)},
               {signed_number(l.error_percent(), 1) + " %"},
               {l.stored_predicted_us ? duration_us(*l.stored_predicted_us) : "–"},
               {l.agreement ? percent(*l.agreement, 2) : "–"},
               {(l.engine.empty() ? "–" : l.engine) + (l.stable ? "" : ", disturbed")}});
  };
  add(results.test);
  if (results.shift) add(*results.shift);
  return table.empty() ? std::string() : table.html();
}

void flatten(const Json& json, const std::string& name, Table& table) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) flatten(value, name.empty() ? key : name + "." + key, table);
  } else if (!json.is_null()) {
    table.row({{name}, {json.is_string() ? json.get<std::string>() : json.dump()}});
  }
}

std::string provenance(const Json& json) {
  Table table({"what", "value"});
  flatten(json, "", table);
  return table.empty() ? std::string() : table.html("provenance");
}

std::string in_brackets(const std::string& text) { return text.empty() ? text : " (" + text + ")"; }

std::string tile(const std::string& name, const std::string& value, const std::string& detail) {
  return std::format("<div class=\"tile\"><span>{}</span><b>{}</b><small>{}</small></div>\n", escape(name),
                     escape(value), escape(detail));
}

}  // namespace

std::string headline(const Results& results) {
  const Evaluation& test = results.test;
  const OperatingPoint& chosen = test.operating_point;
  // The most accurate stage alone: in a cascade of nets from elsewhere that need not be the last one.
  const auto best = std::ranges::max_element(test.static_nets, {}, &StaticNet::accuracy);
  std::string html = "<div class=\"tiles\">\n";
  html += tile("Accuracy", percent(chosen.accuracy, 2),
               std::format("95 % interval {}; {} images", interval_text(chosen.interval, 2), grouped(test.count)));
  html +=
      tile("Mean latency", duration_us(chosen.latency_us),
           test.latency ? std::format("by the plan's costs{}; run for real{} {}, where that session's costs predict {}",
                                      in_brackets(results.plan.costs_engine), in_brackets(test.latency->engine),
                                      duration_us(test.latency->measured_us), duration_us(test.latency->predicted_us))
                        : "per image, batch 1");
  if (best != test.static_nets.end()) {
    html +=
        tile("Speed-up", std::format("{:.2f} ×", best->latency_us / chosen.latency_us),
             std::format("against {} alone: {} at {} ({} points)", best->stage, percent(best->accuracy, 2),
                         duration_us(best->latency_us), signed_number(100 * (chosen.accuracy - best->accuracy), 2)));
  }
  html += tile(
      "Sent on", percent(test.escalation()),
      std::format("{} answers {} of the images", results.plan.stages.front().name, percent(chosen.exit_share.front())));
  return html + "</div>\n";
}

std::vector<Section> table_sections(const Run& run) {
  const Results& results = run.results;
  std::vector<Section> sections;
  const auto add = [&](Section section) {
    if (!section.html.empty()) sections.push_back(std::move(section));
  };
  add({"policies", "Policies",
       "APGR: area under accuracy over cost, scaled so that the first stage for every image is 0 and the last for "
       "every image "
       "is 1; random routing is about 0.5. Calls: share of images sent on to win that much of the accuracy gap.",
       policies(results.test)});
  if (results.shift) {
    add({"policies-shift", "Policies under shift", "The same policies on " + results.shift->dataset + ".",
         policies(*results.shift)});
  }
  add({"apgr-differences", "Policies compared",
       "Intervals from the same bootstrap resamples for both, so the differences are paired.",
       apgr_differences(results)});
  add({"averages", "Accuracies",
       "Balanced accuracy is the mean of the classes' recalls, macro F1 the mean of their F1: a class with few images "
       "counts as much as one with many. Classes without images count for neither.",
       averages(results.test, results.plan.stages.size())});
  add({"stages", "Stages",
       "Energy: of one image through the stage, without what the idle machine uses meanwhile; as the plan was "
       "measured.",
       stages(run)});
  add({"percentiles", "Stage latencies", "One image at a time, over all runs of the measurement that made the plan.",
       percentiles(run)});
  add({"latency-check", "Predicted and measured latency",
       "The plan was run for real, router and copies included. Predicted: from costs measured in that same session; "
       "from "
       "plan.json: from the costs the plan was built with, so the machine's drift since then shows.",
       latency_check(results)});
  add({"paired", "Paired tests",
       "Both sides answer the same images; policies stand at the plan's mean latency, stages run alone at their own.",
       paired(results.test)});
  add({"shift", "Distribution shift", "The same plan and thresholds on shifted images.", shift(results)});
  add({"calibration-table", "Calibration error", "Expected calibration error over 15 bins of equal width.",
       calibration(results)});
  add({"classes", "Classes",
       "Recall: share of the class's images that are recognised. Precision: share of the images answered with the "
       "class "
       "that are of it. A dash: there is no image to tell it from.",
       per_class(results)});
  add({"confusion", "Confusion",
       results.plan.classes.size() <= kConfusionClasses
           ? "Rows are true classes; orange marks mistakes, darker where frequent."
           : "The most frequent mistakes.",
       confusion(results)});
  add({"provenance", "Provenance", "Where these numbers come from.", provenance(results.provenance)});
  return sections;
}

}  // namespace triage::report
