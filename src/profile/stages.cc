// Map: StageRunner owns what one (stage, threads) needs and runs batches; Subjects collects the callables with their
// cost keys; profile_* open everything, time it interleaved and turn measurements into cost entries.
#include "profile/stages.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "core/machine.h"
#include "runtime/backend.h"
#include "runtime/convert.h"
#include "runtime/score.h"
#include "triage/classifier.h"

namespace triage::profile {
namespace {

void check_images(const plan::Plan& plan, const Images& images) {
  const plan::InputShape& shape = plan.input;
  if (images.count < 1) fail("profile: no images to measure with");
  if (images.height != shape.height || images.width != shape.width || images.channels != shape.channels) {
    fail("profile: images are {}x{}x{} (height, width, channels), plan '{}' expects {}x{}x{}", images.height,
         images.width, images.channels, plan.name, shape.height, shape.width, shape.channels);
  }
  const std::size_t expected = static_cast<std::size_t>(images.count) * images.height * images.width * images.channels;
  if (images.pixels.size() != expected) {
    fail("profile: {} bytes of pixels, expected {} for {} images", images.pixels.size(), expected, images.count);
  }
}

void check_options(const ProfileOptions& options) {
  if (options.batches.empty() || options.threads.empty())
    fail("profile: needs at least one batch size and thread count");
  for (const int batch : options.batches) {
    if (batch < 1) fail("profile: batch: found {}, expected at least 1", batch);
  }
  for (const int threads : options.threads) {
    if (threads < 1) fail("profile: threads: found {}, expected at least 1", threads);
    if (!options.cores.empty() && static_cast<std::size_t>(threads) > options.cores.size()) {
      fail("profile: {} threads pinned to {} core(s) would wait for each other; give at least {} cores", threads,
           options.cores.size(), threads);
    }
  }
}

// Image `index`, wrapping around.
ImageView view(const Images& images, std::size_t index) {
  const std::size_t size = static_cast<std::size_t>(images.height) * images.width * images.channels;
  return {images.pixels.data() + index % images.count * size, images.height, images.width, images.channels};
}

std::unique_ptr<runtime::Backend> open_stage(const fs::path& file, int threads, const std::string& provider,
                                             double* load_ms = nullptr) {
  const double start = steady_seconds();
  auto opened = runtime::open_onnx(file.string(), {.threads = threads, .provider = provider});
  if (!opened) fail("{}", opened.error().message);
  if (load_ms) *load_ms = (steady_seconds() - start) * 1e3;
  return std::move(*opened);
}

void run_or_fail(const runtime::Backend& backend, int n, const runtime::StageBuffers& buffers) {
  if (const Status status = backend.run(n, buffers); !status) fail("{}", status.error().message);
}

// What every feature stage starts from: the carried maps of all images, made once. [count, carry_size]
std::vector<float> carried_maps(const plan::Plan& plan, const fs::path& directory, int source, const Images& images) {
  const plan::Stage& stage = plan.stages[source];
  const auto backend = open_stage(directory / stage.onnx, 1, "cpu");
  const runtime::StageShape& shape = backend->shape();
  if (shape.carry_size < 1) fail("{}: has no output 'carry', a later stage starts from it", stage.onnx);
  std::vector<float> earlier;
  if (stage.input == plan::StageInput::features) earlier = carried_maps(plan, directory, stage.source, images);
  std::vector<float> pixels(shape.input_size), logits(shape.classes);
  std::vector<float> maps(static_cast<std::size_t>(images.count) * shape.carry_size);
  for (int i = 0; i < images.count; ++i) {
    const float* input = pixels.data();
    if (earlier.empty()) {
      runtime::to_input(view(images, i), pixels.data());
    } else {
      input = earlier.data() + static_cast<std::size_t>(i) * shape.input_size;
    }
    run_or_fail(*backend, 1,
                {.input = input,
                 .logits = logits.data(),
                 .carry = maps.data() + static_cast<std::size_t>(i) * shape.carry_size});
  }
  return maps;
}

// One stage in one engine session; runs batches of any size. Not thread-safe: it owns its buffers.
class StageRunner {
 public:
  StageRunner(const plan::Plan& plan, std::size_t index, const fs::path& directory, int threads,
              const std::string& provider, const Images& images, const std::vector<float>* maps)
      : exit_(plan.stages[index].exit), images_(images), maps_(maps) {
    backend_ = open_stage(directory / plan.stages[index].onnx, threads, provider, &load_ms_);
    const runtime::StageShape& shape = backend_->shape();
    const int expected =
        maps ? static_cast<int>(maps->size() / images.count) : images.channels * images.height * images.width;
    if (shape.input_size != expected) {
      fail("{}: takes {} values per image, found {}", plan.stages[index].onnx, shape.input_size, expected);
    }
    hands_over_ = index + 1 < plan.stages.size();
    policy_ = exit_.router ? plan::PolicyKind::learned : plan::PolicyKind::confidence;
    carries_ = std::ranges::any_of(plan.stages, [&](const plan::Stage& later) {
      return later.input == plan::StageInput::features && later.source == static_cast<int>(index);
    });
  }

  double load_ms() const { return load_ms_; }

  void run(std::size_t run, int batch) {
    reserve(batch);
    const runtime::StageShape& shape = backend_->shape();
    const std::size_t first = run * batch % images_.count;
    for (int i = 0; i < batch; ++i) {
      float* input = input_.data() + static_cast<std::size_t>(i) * shape.input_size;
      if (maps_) {  // the copy is the hand-over between the stages
        std::copy_n(maps_->begin() + (first + i) % images_.count * shape.input_size, shape.input_size, input);
      } else {
        runtime::to_input(view(images_, first + i), input);
      }
    }
    const bool wants_features = hands_over_ && exit_.router.has_value();
    run_or_fail(*backend_, batch,
                {.input = input_.data(),
                 .logits = logits_.data(),
                 .features = wants_features ? features_.data() : nullptr,
                 .carry = carries_ ? carry_.data() : nullptr});
    for (int i = 0; i < batch; ++i) {
      const runtime::Evidence evidence =
          runtime::evidence(std::span(logits_).subspan(static_cast<std::size_t>(i) * shape.classes, shape.classes),
                            static_cast<float>(exit_.temperature));
      if (!hands_over_) continue;
      const auto features = wants_features ? std::span<const float>(features_).subspan(
                                                 static_cast<std::size_t>(i) * shape.feature_width, shape.feature_width)
                                           : std::span<const float>();
      scores_ += runtime::escalation_score(policy_, exit_, features, evidence);
    }
  }

 private:
  void reserve(int batch) {
    const std::size_t n = batch;
    const runtime::StageShape& shape = backend_->shape();
    if (logits_.size() >= n * shape.classes) return;
    input_.resize(n * shape.input_size);
    logits_.resize(n * shape.classes);
    features_.resize(n * shape.feature_width);
    carry_.resize(carries_ ? n * shape.carry_size : 0);
  }

  const plan::Exit& exit_;
  const Images& images_;
  const std::vector<float>* maps_;  // [count, input_size] for a feature stage, null for an image stage
  std::unique_ptr<runtime::Backend> backend_;
  double load_ms_ = 0;
  bool hands_over_ = false, carries_ = false;
  plan::PolicyKind policy_ = plan::PolicyKind::confidence;
  std::vector<float> input_, logits_, features_, carry_;
  double scores_ = 0;  // keeps the scores from being optimised away
};

class PlanRunner {
 public:
  PlanRunner(const fs::path& directory, int threads, const Images& images) : images_(images) {
    const double start = steady_seconds();
    auto loaded = Classifier::load(directory.string(), {.threads = threads});
    if (!loaded) fail("{}", loaded.error().message);
    load_ms_ = (steady_seconds() - start) * 1e3;
    classifier_ = std::make_unique<Classifier>(std::move(*loaded));
  }
  double load_ms() const { return load_ms_; }

  void run(std::size_t run, int batch) {
    views_.resize(batch);
    outcomes_.resize(batch);
    for (int i = 0; i < batch; ++i) views_[i] = view(images_, run * batch + i);
    if (batch == 1) {
      const auto outcome = classifier_->classify(views_[0]);
      if (!outcome) fail("{}", outcome.error().message);
    } else if (const Status status = classifier_->classify(views_, outcomes_); !status) {
      fail("{}", status.error().message);
    }
  }

 private:
  const Images& images_;
  std::unique_ptr<Classifier> classifier_;
  double load_ms_ = 0;
  std::vector<ImageView> views_;
  std::vector<Outcome> outcomes_;
};

struct Subjects {
  std::vector<plan::CostKey> keys;
  std::vector<double> load_ms;
  std::vector<Callable> callables;

  template <class Runner>
  void add(const std::shared_ptr<Runner>& runner, plan::CostKey key) {
    load_ms.push_back(runner->load_ms());
    callables.push_back([runner, batch = key.batch](std::size_t run) { runner->run(run, batch); });
    keys.push_back(std::move(key));
  }
};

Profile profile(const plan::Plan& plan, const fs::path& directory, const Images& images, const ProfileOptions& options,
                bool whole_plan, const std::function<void(std::size_t)>& progress) {
  check_images(plan, images);
  check_options(options);
  const PinnedScope pinned(options.cores);  // before any session: its threads inherit it

  std::map<int, std::vector<float>> maps;  // by source stage
  for (const plan::Stage& stage : plan.stages) {
    if (stage.input == plan::StageInput::features && !maps.contains(stage.source)) {
      maps[stage.source] = carried_maps(plan, directory, stage.source, images);
    }
  }
  Subjects subjects;
  for (std::size_t s = 0; s < plan.stages.size(); ++s) {
    const plan::Stage& stage = plan.stages[s];
    const auto* carried = stage.input == plan::StageInput::features ? &maps.at(stage.source) : nullptr;
    for (const int threads : options.threads) {
      for (const int batch : options.batches) {  // a session each, so that first inferences and load times are true
        subjects.add(std::make_shared<StageRunner>(plan, s, directory, threads, options.provider, images, carried),
                     {.stage = stage.name, .provider = options.provider, .threads = threads, .batch = batch});
      }
    }
  }
  if (whole_plan && options.provider == "cpu") {
    for (const int threads : options.threads) {
      for (const int batch : options.batches) {
        subjects.add(std::make_shared<PlanRunner>(directory, threads, images),
                     {.stage = "plan", .threads = threads, .batch = batch});
      }
    }
  }

  Profile result;
  result.evidence = measure_interleaved(subjects.callables, options.measure, steady_seconds, progress);
  result.table.machine = machine_context();
  result.table.engine_version = runtime::onnx_runtime_version();
  for (std::size_t i = 0; i < subjects.keys.size(); ++i) {
    const Measurement& measured = result.evidence[i];
    result.table.entries.push_back({.key = subjects.keys[i],
                                    .latency_us = measured.latency_us,
                                    .first_inference_us = measured.first_us,
                                    .load_ms = subjects.load_ms[i],
                                    .stable = measured.stable});
  }
  return result;
}

}  // namespace

Profile profile_plan(const fs::path& plan_directory, const Images& images, const ProfileOptions& options,
                     const std::function<void(std::size_t)>& progress) {
  const plan::Plan plan = plan::load_plan(plan_directory);
  return profile(plan, plan_directory, images, options, options.whole_plan, progress);
}

Profile profile_stages(const plan::Plan& plan, const fs::path& directory, const Images& images,
                       const ProfileOptions& options, const std::function<void(std::size_t)>& progress) {
  return profile(plan, directory, images, options, false, progress);
}

Json latency_summary(const plan::CostTable& table) {
  int threads = 0;
  for (const plan::CostEntry& entry : table.entries) {
    if (entry.key.batch == 1 && (threads == 0 || entry.key.threads < threads)) threads = entry.key.threads;
  }
  if (threads == 0) fail("latency summary: no entry with batch 1 in the cost table");
  Json stages = Json::object();
  for (const plan::CostEntry& entry : table.entries) {
    if (entry.key.batch != 1 || entry.key.threads != threads) continue;
    const Summary& s = entry.latency_us;
    stages[entry.key.stage] = {{"mean", s.mean}, {"median", s.median}, {"p90", s.p90},
                               {"p95", s.p95},   {"p99", s.p99},       {"first_inference", entry.first_inference_us}};
  }
  return {{"unit", "us"},
          {"batch", 1},
          {"threads", threads},
          {"engine", "onnxruntime " + table.engine_version},
          {"machine", table.machine},
          {"stages", stages}};
}

}  // namespace triage::profile
