#include "report/fixture_test.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/rng.h"
#include "core/statistics/statistics.h"
#include "cost_tables/cost_table.h"
#include "data/dataset.h"
#include "data/import/import.h"
#include "results/training_log.h"

namespace triage::report {
namespace {

constexpr double kLittleUs = 52, kBigUs = 318;
constexpr int kImages = 10000, kBins = 15;

struct Image {
  int label = 0, little_label = 0, big_label = 0;
  double hardness = 0, little_confidence = 0, big_confidence = 0;
};

std::vector<Image> simulate(int classes, double extra_hardness, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<Image> images(kImages);
  for (int i = 0; i < kImages; ++i) {
    Image& image = images[i];
    image.label = i % classes;
    const double by_class = 0.25 * std::abs(std::sin(1.7 * image.label));
    image.hardness =
        std::min(1.0, std::pow(rng.uniform(), 2.4) + by_class * rng.uniform() + extra_hardness * rng.uniform());
    const double little_right = 1 - 0.62 * std::pow(image.hardness, 1.6),
                 big_right = 1 - 0.36 * std::pow(image.hardness, 1.8);
    const auto answer = [&](double right) {
      if (rng.uniform() < right) return image.label;
      return static_cast<int>((image.label + 1 + rng.below(classes - 1)) % classes);
    };
    image.little_label = answer(little_right);
    image.big_label = answer(big_right);
    const auto confidence = [&](double right) {
      return std::clamp(right + 0.05 * rng.normal(), 1.0 / classes, 0.9999);
    };
    image.little_confidence = confidence(little_right);
    image.big_confidence = confidence(big_right);
  }
  return images;
}

double share(const std::vector<bool>& values) {
  return static_cast<double>(std::ranges::count(values, true)) / static_cast<double>(values.size());
}

Json interval_json(double accuracy) {
  const Interval interval = proportion_interval(static_cast<std::size_t>(std::lround(accuracy * kImages)), kImages);
  return {interval.low, interval.high};
}

Json point(const std::vector<Image>& images, const std::vector<double>& scores, double threshold) {
  std::size_t right = 0, sent = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const bool on = scores[i] > threshold;
    sent += on;
    right += (on ? images[i].big_label : images[i].little_label) == images[i].label;
  }
  const double n = static_cast<double>(images.size()), escalation = static_cast<double>(sent) / n;
  return {{"thresholds", {threshold}},
          {"accuracy", static_cast<double>(right) / n},
          {"latency_us", kLittleUs + 0.3 + escalation * kBigUs},
          {"escalation", escalation}};
}

Json policy(const std::vector<Image>& images, const std::vector<double>& scores, double apgr) {
  std::vector<double> thresholds = scores;
  std::ranges::sort(thresholds);
  Json curve = Json::array();
  for (int i = 120; i >= 0; --i) {
    curve.push_back(point(images, scores, i == 120 ? 1.0 : i == 0 ? 0.0 : percentile(thresholds, i / 1.2)));
  }
  return {
      {"curve", curve},
      {"apgr", {{"value", apgr}, {"interval", {apgr - 0.021, apgr + 0.019}}}},
      {"calls_for", {{"50", 0.13 / apgr}, {"80", 0.24 / apgr}, {"95", apgr > 0.6 ? Json(0.4 / apgr) : Json(nullptr)}}}};
}

std::vector<double> scores_with_noise(const std::vector<Image>& images, double noise, double steepness,
                                      std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> scores;
  for (const Image& image : images) {
    scores.push_back(1 / (1 + std::exp(-steepness * (image.hardness - 0.45 + noise * rng.normal()))));
  }
  return scores;
}

Json reliability(const std::vector<Image>& images, bool little, double sharpen) {
  std::vector<double> confidence(kBins), right(kBins), count(kBins);
  for (const Image& image : images) {
    const double c = 1 - std::pow(1 - (little ? image.little_confidence : image.big_confidence), sharpen);
    const int bin = std::min(kBins - 1, static_cast<int>(c * kBins));
    confidence[bin] += c;
    right[bin] += (little ? image.little_label : image.big_label) == image.label;
    ++count[bin];
  }
  Json bins = Json::array();
  double ece = 0;
  for (int b = 0; b < kBins; ++b) {
    const double n = std::max(1.0, count[b]);
    bins.push_back({{"low", b / double{kBins}},
                    {"high", (b + 1) / double{kBins}},
                    {"count", static_cast<std::size_t>(count[b])},
                    {"confidence", confidence[b] / n},
                    {"accuracy", right[b] / n}});
    ece += std::abs(confidence[b] - right[b]) / kImages;
  }
  return {{"ece", ece}, {"bins", bins}};
}

std::string class_name(const FixtureOptions& options, int index) {
  static const char* const kNames[] = {"",    "automobile", "bird",  "cat",  "deer",
                                       "dog", "frog",       "horse", "ship", "truck"};
  if (index == 0) return options.first_class;
  return index < 10 ? kNames[index] : std::format("class {}", index);
}

Json evaluation(const FixtureOptions& options, const std::string& name, double extra_hardness, std::uint64_t seed) {
  const std::vector<Image> images = simulate(options.classes, extra_hardness, seed);
  const auto learned = scores_with_noise(images, 0.10, 9, seed + 1);
  const auto margin = scores_with_noise(images, 0.17, 6, seed + 2);
  const auto confidence = scores_with_noise(images, 0.18, 7, seed + 3);
  const auto entropy = scores_with_noise(images, 0.22, 5, seed + 4);
  std::vector<double> random, oracle;
  Rng rng(seed + 5);
  for (const Image& image : images) {
    random.push_back(rng.uniform());
    const bool little = image.little_label == image.label, big = image.big_label == image.label;
    oracle.push_back(!little && big   ? 0.7 + 0.3 * rng.uniform()
                     : little && !big ? 0.1 * rng.uniform()
                                      : 0.2 + 0.4 * rng.uniform());
  }
  Json policies = Json::object();
  if (options.learned) policies["learned"] = policy(images, learned, 0.811);
  policies["confidence"] = policy(images, confidence, 0.778);
  policies["entropy"] = policy(images, entropy, 0.741);
  policies["margin"] = policy(images, margin, 0.769);
  policies["random"] = policy(images, random, 0.5);
  policies["oracle"] = policy(images, oracle, 1.0);

  const auto& scores = options.learned ? learned : confidence;
  const double threshold = 0.35;
  const Json chosen = point(images, scores, threshold);
  Json per_class = Json::array(), confusion = Json::array();
  std::vector<std::vector<int>> table(options.classes, std::vector<int>(options.classes));
  std::vector<double> sent(options.classes), count(options.classes);
  std::vector<bool> little_right, big_right;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const bool on = scores[i] > threshold;
    ++table[images[i].label][on ? images[i].big_label : images[i].little_label];
    sent[images[i].label] += on;
    ++count[images[i].label];
    little_right.push_back(images[i].little_label == images[i].label);
    big_right.push_back(images[i].big_label == images[i].label);
  }
  for (int c = 0; c < options.classes; ++c) {
    per_class.push_back({{"class", class_name(options, c)},
                         {"count", static_cast<int>(count[c])},
                         {"accuracy", table[c][c] / count[c]},
                         {"escalation", sent[c] / count[c]}});
    confusion.push_back(table[c]);
  }
  const double little = share(little_right), big = share(big_right), accuracy = chosen["accuracy"];
  Json easiest = Json::array(), hardest = Json::array();
  for (std::uint32_t i = 0; i < 12; ++i) {
    easiest.push_back(
        {{"index", 400 + i * 3}, {"label", i % 4}, {"predicted", i % 4}, {"exit", 0}, {"score", 0.002 + 0.001 * i}});
    hardest.push_back(
        {{"index", 401 + i * 3}, {"label", i % 4}, {"predicted", i % 3}, {"exit", 1}, {"score", 0.999 - 0.003 * i}});
  }
  const double latency = chosen["latency_us"], escalation = chosen["escalation"];
  const std::string chosen_policy = options.learned ? "learned" : "confidence";
  return {{"dataset", name},
          {"path", ""},
          {"count", kImages},
          {"static",
           {{{"stage", "little"}, {"accuracy", little}, {"interval", interval_json(little)}, {"latency_us", kLittleUs}},
            {{"stage", "big"}, {"accuracy", big}, {"interval", interval_json(big)}, {"latency_us", kBigUs}}}},
          {"policies", policies},
          {"apgr_differences",
           {{{"a", "learned"}, {"b", "confidence"}, {"apgr_difference", 0.033}, {"interval", {0.012, 0.055}}},
            {{"a", "confidence"}, {"b", "random"}, {"apgr_difference", 0.278}, {"interval", {0.251, 0.306}}}}},
          {"operating_point",
           {{"policy", chosen_policy},
            {"thresholds", {threshold}},
            {"accuracy", accuracy},
            {"interval", interval_json(accuracy)},
            {"latency_us", latency},
            {"exit_share", {1 - escalation, escalation}},
            {"per_class", per_class},
            {"confusion", confusion}}},
          {"calibration",
           {{{"stage", "little"},
             {"temperature", 1.312},
             {"before", reliability(images, true, 1.7)},
             {"after", reliability(images, true, 1)}},
            {{"stage", "big"},
             {"temperature", 1.187},
             {"before", reliability(images, false, 1.4)},
             {"after", reliability(images, false, 1)}}}},
          {"paired_tests",
           {{{"a", chosen_policy},
             {"b", "entropy"},
             {"at_latency_us", latency},
             {"difference_points", 0.42},
             {"interval", {0.11, 0.73}},
             {"mcnemar_p", 0.0078}},
            {{"a", chosen_policy},
             {"b", "big"},
             {"at_latency_us", latency},
             {"difference_points", -0.21},
             {"interval", {-0.5, 0.08}},
             {"mcnemar_p", 0.171}}}},
          {"latency",
           {{"predicted_us", latency},
            {"measured_us", latency * 1.018},
            {"error_percent", 100 / 1.018 - 100},
            {"stored_predicted_us", 0.97 * latency},
            {"images", kImages},
            {"agreement", 1.0}}},
          {"examples", {{"easiest", easiest}, {"hardest", hardest}}}};
}

Json stage_cost(double mean) {
  return {{"latency_us", to_json(Summary{.count = 4000,
                                         .min = 0.94 * mean,
                                         .mean = mean,
                                         .median = 0.985 * mean,
                                         .p90 = 1.05 * mean,
                                         .p95 = 1.12 * mean,
                                         .p99 = 1.41 * mean,
                                         .max = 4.2 * mean,
                                         .stddev = 0.09 * mean})},
          {"first_inference_us", 5.1 * mean},
          {"load_ms", 4.4}};
}

Json plan_stage(const Json& figures, double mean_us) {
  return {{"name", figures["name"]},
          {"arch", figures["arch"]},
          {"input", "image"},
          {"onnx", figures["name"].get<std::string>() + ".onnx"},
          {"sha256", std::string(64, '0')},
          {"feature_width", 0},
          {"macs", figures["macs"]},
          {"parameters", figures["parameters"]},
          {"exit", {{"temperature", 1.0}, {"threshold", 0.35}}},
          {"cost", stage_cost(mean_us)}};
}

}  // namespace

Json simulated_results(const FixtureOptions& options) {
  Json classes = Json::array();
  for (int c = 0; c < options.classes; ++c) classes.push_back(class_name(options, c));
  Json results = {{"version", 1},
                  {"plan",
                   {{"name", "cifar10-pair"},
                    {"policy", options.learned ? "learned" : "confidence"},
                    {"classes", classes},
                    {"input", {{"channels", 3}, {"height", 32}, {"width", 32}}},
                    {"stages",
                     {{{"name", "little"},
                       {"arch", "16-24,24-48,48-96,96"},
                       {"macs", 13800000},
                       {"parameters", 161000},
                       {"latency_us", kLittleUs}},
                      {{"name", "big"},
                       {"arch", "24-64,64-192,192-256,256"},
                       {"macs", 111400000},
                       {"parameters", 1973000},
                       {"latency_us", kBigUs}}}}}},
                  {"provenance",
                   {{"command", "triage eval runs/cifar10-pair/plan --data data/cifar10.tds"},
                    {"git", "0123abc"},
                    {"date", "2025-01-31T12:00:00Z"},
                    {"seed", 1},
                    {"machine", {{"cpu", "Simulated CPU"}, {"cores", 2}, {"flags", "avx2 fma avx512f avx512_bf16"}}}}},
                  {"test", evaluation(options, "cifar10", 0, 11)}};
  results["shift"] = options.shift ? evaluation(options, "cifar10-jpeg", 0.22, 77) : Json(nullptr);
  return results;
}

void write_simulated_run(const fs::path& directory, const FixtureOptions& options) {
  fs::create_directories(directory / "plan");
  const fs::path data = directory / "data.tds";
  data::write_dataset(
      data::generate({.classes = 4, .channels = 3, .height = 32, .width = 32, .train_count = 400, .test_count = 60}),
      data);
  Json results = simulated_results(options);
  results["test"]["path"] = data.string();
  const data::Dataset dataset = data::Dataset::open(data);
  results["test"]["sha256"] = dataset.info().sha256;
  for (Json& example : results["test"]["examples"]["easiest"]) {
    example["label"] = example["predicted"] = dataset.label(example["index"].get<std::uint32_t>());
  }
  for (Json& example : results["test"]["examples"]["hardest"]) {
    const int label = dataset.label(example["index"].get<std::uint32_t>());
    example["label"] = label;
    example["predicted"] = example["index"].get<int>() % 2 ? label : (label + 1) % 4;
  }
  write_sealed_json(directory / "results.json", results);
  Json plan = {
      {"version", 1},
      {"name", "cifar10-pair"},
      {"input", results["plan"]["input"]},
      {"classes", results["plan"]["classes"]},
      {"policy", "confidence"},
      {"stages",
       {plan_stage(results["plan"]["stages"][0], kLittleUs), plan_stage(results["plan"]["stages"][1], kBigUs)}}};
  plan["stages"][0]["cost"]["energy_uj"] = 412.5;  // of the other stage it is not available
  plan["stages"][0].update({{"precision", "int8"}, {"weight_bytes", 161000}, {"activation_bytes", 16384}});
  write_sealed_json(directory / "plan" / "plan.json", plan);
  cost::CostTable costs;
  for (const auto& [provider, batch] : {std::pair{"cpu", 1}, {"cpu", 8}, {"xnnpack", 1}})
    costs.entries.push_back(
        {.key = cost::cost_key("little", "onnxruntime", provider, plan::Precision::fp32, 1, batch), .stable = true});
  cost::save_cost_table(directory / "costs.json", costs);
  Rng rng(5);
  for (const auto& [stage, floor, best, epochs] :
       {std::tuple{"big", 0.35, 0.936, 16}, std::tuple{"little", 0.55, 0.891, 24}}) {
    for (int epoch = 1; epoch <= epochs; ++epoch) {
      const double t = static_cast<double>(epoch) / epochs;
      const double accuracy = best - 0.42 * std::exp(-4.5 * t) - 0.012 * rng.uniform() * (1 - t);
      append_line(directory / "metrics.jsonl",
                  dump_json(results::to_json({.stage = stage,
                                              .epoch = epoch,
                                              .step = epoch * 83,
                                              .loss = floor + 1.5 * std::exp(-4 * t) + 0.02 * rng.uniform(),
                                              .train_accuracy = accuracy + 0.02,
                                              .rate = 0.1 * (1 - t),
                                              .images_per_s = 830,
                                              .seconds = 51.0 * epoch,
                                              .validation_accuracy = accuracy})));
    }
  }
}

}  // namespace triage::report
