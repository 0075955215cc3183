#include "engine/check/check_engine.h"

#include <cmath>

#include "core/text.h"
#include "engine/registry.h"
#include "engine/status.h"

namespace triage::engine {
namespace {

bool agree(float first, float second) {
  if (first == second || (std::isnan(first) && std::isnan(second))) return true;
  const double difference = std::abs(double{second} - double{first});
  return std::isfinite(difference) && difference <= kCheckAbsolute + kCheckRelative * std::abs(double{first});
}

class CheckingSession : public Session {
 public:
  CheckingSession(std::unique_ptr<Session> first, std::unique_ptr<Session> second, std::string names)
      : first_(std::move(first)), second_(std::move(second)), names_(std::move(names)) {
    const SessionInfo &a = first_->info(), &b = second_->info();
    if (a.input_size != b.input_size || a.classes != b.classes || a.feature_width != b.feature_width ||
        a.carry_size != b.carry_size) {
      fail_with(ErrorCode::damaged, "{}: input, logits, features, carry: found {}, {}, {}, {} and {}, {}, {}, {}",
                names_, a.input_size, a.classes, a.feature_width, a.carry_size, b.input_size, b.classes,
                b.feature_width, b.carry_size);
    }
  }

  const SessionInfo& info() const override { return first_->info(); }
  int threads() const override { return first_->threads(); }

  Status run(int n, const StageTensors& tensors) const override {
    try {
      if (Status status = first_->run(n, tensors); !status) return status;
      const auto rows = static_cast<std::size_t>(n);
      std::vector<float> logits(rows * static_cast<std::size_t>(info().classes)), features, carry;
      if (tensors.features) features.resize(rows * static_cast<std::size_t>(info().feature_width));
      if (tensors.carry) carry.resize(rows * static_cast<std::size_t>(info().carry_size));
      const StageTensors again{.input = tensors.input,
                               .logits = logits.data(),
                               .features = tensors.features ? features.data() : nullptr,
                               .carry = tensors.carry ? carry.data() : nullptr};
      if (Status status = second_->run(n, again); !status) return status;
      compare("logits", tensors.logits, logits, rows);
      compare("features", tensors.features, features, rows);
      compare("carry", tensors.carry, carry, rows);
      return Ok{};
    } catch (...) {
      return current_error();
    }
  }

 private:
  void compare(const char* output, Tensor<float> first, const std::vector<float>& second, std::size_t rows) const {
    for (std::size_t i = 0; i < second.size(); ++i) {
      if (agree(first.data[i], second[i])) continue;
      const std::size_t width = second.size() / rows;
      fail_with(ErrorCode::engine_failure, "{}: output '{}', image {}, element {}: found {} and {}", names_, output,
                i / width, i % width, first.data[i], second[i]);
    }
  }

  std::unique_ptr<Session> first_, second_;
  std::string names_;
};

struct Pair {
  EngineSpec first, second;
};

// "compiled,onnxruntime"
Pair pair_of(const EngineSpec& spec) {
  const std::size_t comma = spec.provider.find(',');
  if (comma == std::string::npos || spec.provider.find(',', comma + 1) != std::string::npos) {
    fail_with(ErrorCode::bad_input, "engine '{}': found '{}', expected two engines: check:compiled,onnxruntime", kCheck,
              spec.provider);
  }
  const auto named = [&](const std::string& engine) {
    EngineSpec one = spec_of_engine(engine);
    one.threads = spec.threads;
    one.device = spec.device;
    if (engine == kCheck) fail_with(ErrorCode::bad_input, "engine '{}': cannot check itself", kCheck);
    return one;
  };
  return {named(spec.provider.substr(0, comma)), named(spec.provider.substr(comma + 1))};
}

class CheckOpener : public Opener {
 public:
  CheckOpener(const EngineSpec& spec, const SessionOptions& options) : names_(spec.text()) {
    const auto [first, second] = pair_of(spec);
    first_ = engine_for(first).opener(first, options);
    second_ = engine_for(second).opener(second, options);
  }

  std::unique_ptr<Session> open(std::span<const Artifact> artifacts, const fs::path& directory) override {
    auto first = first_->open(artifacts, directory);
    return checking_session(std::move(first), second_->open(artifacts, directory),
                            std::format("{}: {}", names_, artifacts.front().file));
  }

 private:
  std::string names_;
  std::unique_ptr<Opener> first_, second_;
};

class CheckEngine : public Engine {
 public:
  std::string_view name() const override { return kCheck; }
  std::string version() const override {
    return joined(engines(),
                  [](const Engine* engine) { return std::format("{} {}", engine->name(), engine->version()); });
  }
  std::vector<std::string> providers() const override { return {}; }

  WhyNot available(const EngineSpec& spec) const override {
    try {
      const auto [first, second] = pair_of(spec);
      for (const EngineSpec& one : {first, second}) {
        if (const WhyNot reason = find_engine(one.engine).available(one)) return reason;
      }
      return {};
    } catch (const Failure& failure) {
      return failure.what();
    }
  }

  WhyNot accepts(const Artifact& artifact) const override {
    WhyNot reason;
    for (const Engine* const engine : engines()) {
      reason = engine->accepts(artifact);
      if (!reason) break;
    }
    return reason;
  }

  std::unique_ptr<Opener> opener(const EngineSpec& spec, const SessionOptions& options) const override {
    return std::make_unique<CheckOpener>(spec, options);
  }
};

}  // namespace

const Engine& check_engine() {
  static const CheckEngine engine;
  return engine;
}

std::unique_ptr<Session> checking_session(std::unique_ptr<Session> first, std::unique_ptr<Session> second,
                                          std::string names) {
  return std::make_unique<CheckingSession>(std::move(first), std::move(second), std::move(names));
}

}  // namespace triage::engine
