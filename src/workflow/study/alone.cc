#include "workflow/study/alone.h"

#include <algorithm>
#include <cstdio>

namespace triage::workflow {
namespace {

constexpr int kVersion = 1;
constexpr char kDigits[] = "0123456789abcdef";

// Four images a digit, the first in its highest bit.
std::string to_hex(const Right& right) {
  std::string text;
  for (std::size_t i = 0; i < right.size(); i += 4) {
    unsigned digit = 0;
    for (std::size_t bit = 0; bit < 4 && i + bit < right.size(); ++bit) {
      digit |= static_cast<unsigned>(right[i + bit] == 1) << (3 - bit);
    }
    text += kDigits[digit];
  }
  return text;
}

Right from_hex(const JsonReader& reader, std::size_t images) {
  const auto text = reader.as<std::string>();
  if (text.size() != (images + 3) / 4 || text.find_first_not_of(kDigits) != std::string::npos) {
    reader.fail_here(std::format("{} hexadecimal digits, one for four test images", (images + 3) / 4));
  }
  Right right(images);
  const std::string_view digits = kDigits;
  for (std::size_t i = 0; i < images; ++i) {
    right[i] = static_cast<char>((digits.find(text[i / 4]) >> (3 - i % 4)) & 1);
  }
  return right;
}

// Why a training can't be held against the supernet's, or nothing. Only how often it validates may differ.
std::string difference(const OpenSupernet& supernet, const Json& identity) {
  try {
    supernet.space()->check(family::ArchSpec::parse(identity.at("arch").get<std::string>()));
  } catch (const Error&) {
    return "it is not in the space";
  }
  if (!identity.at("teacher").is_null() || identity.contains("from")) return "it did not learn from labels alone";
  const Json &expected = supernet.trained.identity.at("options"), &found = identity.at("options");
  for (const Json* options : {&expected, &found}) {
    for (const auto& [key, value] : options->items()) {
      const Json theirs = expected.value(key, Json()), its = found.value(key, Json());
      if (key != "validate_every" && key != "distill" && theirs != its) {
        return std::format("{}: the supernet has {}, it has {}", key, theirs.dump(), its.dump());
      }
    }
  }
  return {};
}

bool comparable(const OpenSupernet& supernet, const Json& identity, const std::string& what) {
  const std::string reason = difference(supernet, identity);
  if (!reason.empty()) {
    supernet.workspace.context.message(std::format("{} is left out: {}", what, reason));
    return false;
  }
  train::require_same_images(supernet.trained.identity, identity,
                             what + ": trained on other images than " + supernet.file.string());
  return true;
}

std::vector<AloneNet> nets_of_run(const OpenSupernet& supernet, const LabelledSplit& test,
                                  const LabelledSplit& validation, const fs::path& run) {
  std::vector<AloneNet> nets;
  for (const StageConfig& stage : run_config_of(run).stages) {
    if (stage.onnx) continue;  // not trained by this program
    const fs::path file = run / (stage.name + ".pt");
    if (!fs::exists(file)) {
      supernet.workspace.context.message(file.string() + " is left out: it is not there yet");
      continue;
    }
    const train::AnyNetworkFile alone = train::load_any_network(file, supernet.workspace.config.precision);
    if (!comparable(supernet, alone.identity, file.string())) continue;
    nets.push_back({alone.network->any_space()->largest(), file.string(), alone.identity, test.ask(*alone.network),
                    share(validation.ask(*alone.network))});
  }
  return nets;
}

std::vector<AloneNet> nets_of_record(const OpenSupernet& supernet, std::size_t images, const fs::path& file) {
  const Json json = read_sealed_json(file);
  const JsonReader record(json, file.string());
  if (record.get<int>("version") != kVersion) record.at("version").fail_here(std::to_string(kVersion));
  const JsonReader networks = record.at("networks");
  std::vector<AloneNet> nets;
  for (std::size_t i = 0; i < networks.size(); ++i) {
    const JsonReader net = networks.at(i);
    const JsonReader training = net.at("identity");
    for (const char* key : {"options", "teacher", "data", "seed", "route", "validation"}) training.at(key);
    const Json& identity = training.json();
    if (!comparable(supernet, identity, net.where())) continue;
    nets.push_back({family::ArchSpec::parse(training.get<std::string>("arch")), file.string(), identity,
                    from_hex(net.at("test_right"), images), net.get_in<double>("validation_accuracy", 0, 1)});
  }
  return nets;
}

}  // namespace

LabelledSplit::LabelledSplit(const OpenSupernet& supernet, const std::string& name)
    : labels(labels_of(supernet.workspace.dataset, supernet.split(name))),
      images(supernet.workspace.dataset, supernet.split(name), supernet.trained.normalization) {}

Right LabelledSplit::ask(supernet::AnyNetworkImpl& network) const {
  const train::ExitAnswers answers = train::ask_exits(network, images.of(network), labels);
  return {answers.right.end() - static_cast<std::ptrdiff_t>(labels.size()), answers.right.end()};
}

std::vector<AloneNet> alone_nets(const OpenSupernet& supernet, const LabelledSplit& test,
                                 const LabelledSplit& validation, const fs::path& source) {
  if (fs::is_directory(source)) return nets_of_run(supernet, test, validation, source);
  return nets_of_record(supernet, test.labels.size(), source);
}

void write_record(const fs::path& file, std::span<const AloneNet> nets) {
  Json networks = Json::array();
  for (const AloneNet& net : nets) {
    networks.push_back({{"identity", net.identity},
                        {"test_accuracy", share(net.test)},
                        {"validation_accuracy", net.validation},
                        {"test_right", to_hex(net.test)}});
  }
  write_sealed_json(file, {{"version", kVersion}, {"networks", networks}});
}

}  // namespace triage::workflow
