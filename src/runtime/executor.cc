#include "runtime/executor.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "engine/status.h"

namespace triage::runtime {
namespace {

constexpr std::size_t kPieceBytes = 16 << 20;  // aim for the buffers of one piece

// Left uninitialised, so that memory a call never touches stays virtual.
using Buffer = std::unique_ptr<float[]>;
Buffer make_buffer(std::size_t elements) { return std::make_unique_for_overwrite<float[]>(elements); }

void expect(bool ok, const std::string& origin, const char* field, auto found, auto expected) {
  if (!ok) engine::fail_with(ErrorCode::damaged, "{}: {}: found {}, expected {}", origin, field, found, expected);
}

std::string text(std::span<const int> dims) {
  std::string result;
  for (int dim : dims) result += std::format("{}{}", result.empty() ? "" : "x", dim);
  return result;
}

}  // namespace

void check_stage(const plan::Plan& plan, int stage, const ImageInputs& inputs, const engine::SessionInfo& shape,
                 const engine::SessionInfo* source, const std::string& origin) {
  const plan::Stage& spec = plan.stages[stage];
  if (spec.input == plan::StageInput::image) {
    const std::vector<int>& dims = inputs.dims(inputs.of_stage(stage));
    const int size = dims[0] * dims[1] * dims[2];
    expect(shape.input_name.empty() || shape.input_name == "image", origin, "input's name", shape.input_name, "image");
    expect(shape.input_dims.empty() || shape.input_dims == dims, origin, "input 'image'", text(shape.input_dims),
           text(dims));
    expect(shape.input_size == size, origin, "elements of input 'image'", shape.input_size, size);
  } else {
    const std::string& name = shape.input_name;
    expect(name.empty() || name == "carry_in", origin, "input's name", name, "carry_in");
    expect(source != nullptr, origin, "source of a feature stage", spec.source, "an earlier stage");
    const std::string& giver = plan.stages[spec.source].name;
    expect(source->carry_size > 0, origin, "elements of output 'carry' of the source stage", 0,
           std::format("some, from stage '{}'", giver));
    expect(shape.input_size == source->carry_size, origin, "elements of input 'carry_in'", shape.input_size,
           std::format("{}, the 'carry' of stage '{}'", source->carry_size, giver));
  }
  const int classes = static_cast<int>(plan.classes.size());
  expect(shape.classes == classes, origin, "width of output 'logits'", shape.classes, classes);
  expect(shape.feature_width == spec.feature_width, origin, "width of output 'features'", shape.feature_width,
         spec.feature_width);
  const std::vector<double>& weights = spec.exit.answer_weights;
  const std::size_t so_far = static_cast<std::size_t>(stage) + 1;
  expect(weights.empty() || weights.size() == so_far, origin, "exit.answer_weights in the plan", weights.size(),
         std::format("{}, one for each stage up to this one, or none", so_far));
  if (plan.policy != plan::PolicyKind::learned || stage + 1 == static_cast<int>(plan.stages.size())) return;
  expect(spec.exit.router.has_value(), origin, "exit.router in the plan", "none", "one, policy is learned");
  const plan::Router& router = *spec.exit.router;
  expect(router.feature_width == spec.feature_width, origin, "exit.router.feature_width in the plan",
         router.feature_width, spec.feature_width);
  const std::size_t taken = router.inputs(), hidden = router.hidden;
  const bool complete = router.mean.size() == taken && router.scale.size() == taken &&
                        router.weight1.size() == hidden * taken && router.bias1.size() == hidden &&
                        router.weight2.size() == hidden;
  expect(complete, origin, "exit.router in the plan", "lists of other lengths",
         std::format("{} inputs and {} hidden units", taken, hidden));
}

struct Executor::Workspace : engine::Pooled<Executor::Workspace> {
  Buffer logits, features;
  std::vector<Buffer> inputs;  // per distinct input of the plan
  std::vector<char> prepared;  // which of them hold the rows
  preprocess::Scratch scratch;
  std::vector<Buffer> carries;         // per stage; empty where nobody reads it
  std::vector<Buffer> answers;         // [rows, classes] probabilities per stage; empty where no exit reads them
  std::vector<float*> answers_so_far;  // of `answers`
  std::vector<float> mixed;            // [classes]
  std::vector<int> image;              // [rows] which image a row belongs to
  std::vector<HandOver> handover;      // capacity for every buffer
};

class Executor::Lease {
 public:
  explicit Lease(const Executor& executor) : space_(executor.pool_->take()) {
    if (!space_) space_ = executor.pool_->add(made_for(executor));
  }
  ~Lease() { engine::Pool<Workspace>::give(*space_); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Workspace& operator*() const { return *space_; }

 private:
  static std::unique_ptr<Workspace> made_for(const Executor& executor) {
    const std::size_t rows = executor.rows_;
    auto space = std::make_unique<Workspace>();
    std::size_t widest = 0;
    for (std::size_t s = 0; s < executor.sessions_.size(); ++s) {
      const engine::SessionInfo& shape = executor.sessions_[s]->info();
      if (executor.exits_[s].wants_features()) widest = std::max<std::size_t>(widest, shape.feature_width);
      const bool read = executor.last_reader_[s] >= 0;
      space->carries.push_back(read ? make_buffer(rows * shape.carry_size) : nullptr);
      const bool in_answers = executor.last_answer_reader_[s] >= 0;
      space->answers.push_back(in_answers ? make_buffer(rows * executor.plan_.classes.size()) : nullptr);
      space->answers_so_far.push_back(space->answers.back().get());
    }
    for (std::size_t k = 0; k < executor.inputs_.size(); ++k)
      space->inputs.push_back(make_buffer(rows * executor.inputs_.elements(static_cast<int>(k))));
    space->prepared.resize(executor.inputs_.size());
    space->mixed.resize(executor.plan_.classes.size());
    space->logits = make_buffer(rows * executor.plan_.classes.size());
    space->features = make_buffer(rows * widest);
    space->image.resize(rows);
    space->handover.reserve(2 * executor.sessions_.size() + executor.inputs_.size());
    return space;
  }

  Workspace* space_;
};

Executor::Executor(plan::Plan plan, std::vector<std::unique_ptr<engine::Session>> sessions,
                   std::span<const double> thresholds)
    : plan_(std::move(plan)),
      sessions_(std::move(sessions)),
      inputs_(plan_),
      pool_(std::make_unique<engine::Pool<Workspace>>()) {
  const std::size_t stages = plan_.stages.size();
  if (stages == 0 || sessions_.size() != stages) {
    engine::fail_with(ErrorCode::bad_input, "plan '{}': {} sessions for {} stages", plan_.name, sessions_.size(),
                      stages);
  }
  if (!thresholds.empty() && thresholds.size() != stages - 1) {
    engine::fail_with(ErrorCode::bad_input,
                      "thresholds: found {}, expected {} (one per exit but the last) for plan '{}'", thresholds.size(),
                      stages - 1, plan_.name);
  }
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    if (std::isnan(thresholds[i]))
      engine::fail_with(ErrorCode::bad_input, "thresholds[{}]: found NaN, expected a number", i);
  }
  last_reader_.assign(stages, -1);
  last_input_reader_.assign(inputs_.size(), 0);
  std::size_t row_bytes = 0;
  for (std::size_t k = 0; k < inputs_.size(); ++k) row_bytes += sizeof(float) * inputs_.elements(static_cast<int>(k));
  for (std::size_t s = 0; s < stages; ++s) {
    const plan::Stage& stage = plan_.stages[s];
    const bool reads_carry = stage.input == plan::StageInput::features;
    const bool known = stage.source >= 0 && stage.source < static_cast<int>(s);
    const engine::SessionInfo* source = reads_carry && known ? &sessions_[stage.source]->info() : nullptr;
    check_stage(plan_, static_cast<int>(s), inputs_, sessions_[s]->info(), source, stage.onnx);
    (source ? last_reader_[stage.source] : last_input_reader_[inputs_.of_stage(s)]) = static_cast<int>(s);
    row_bytes += sizeof(float) * sessions_[s]->info().carry_size;
    const double own = stage.exit.threshold;
    exits_.emplace_back(plan_, static_cast<int>(s), s < thresholds.size() ? thresholds[s] : own);
    last_answer_reader_.push_back(-1);
    for (std::size_t k = 0; k <= s; ++k) {
      if (exits_[s].reads_answer(static_cast<int>(k))) last_answer_reader_[k] = static_cast<int>(s);
    }
  }
  row_bytes += sizeof(float) * plan_.classes.size() *
               static_cast<std::size_t>(std::ranges::count_if(last_answer_reader_, [](int s) { return s >= 0; }));
  rows_ = static_cast<int>(std::clamp<std::size_t>(kPieceBytes / row_bytes, 1, kMaxRows));
}

Executor::~Executor() = default;

Status Executor::classify(std::span<const ImageView> images, std::span<Outcome> outcomes) const {
  try {
    const auto start = std::chrono::steady_clock::now();
    if (outcomes.size() != images.size()) {
      engine::fail_with(ErrorCode::bad_input, "outcomes: found {}, expected {}, the number of images", outcomes.size(),
                        images.size());
    }
    for (std::size_t i = 0; i < images.size(); ++i) inputs_.check(images[i], "images", i);
    if (images.empty()) return Ok{};
    const Lease lease(*this);
    for (std::size_t first = 0; first < images.size(); first += rows_) {
      const std::size_t count = std::min<std::size_t>(rows_, images.size() - first);
      run_rows(*lease, images.subspan(first, count), outcomes.subspan(first, count));
    }
    const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - start;
    for (Outcome& outcome : outcomes) outcome.microseconds = spent.count() / static_cast<double>(images.size());
    return Ok{};
  } catch (...) {
    return engine::current_error();
  }
}

// An input is made when the first stage that takes it is reached, of the images that come as far.
void Executor::prepare(Workspace& space, int input, std::span<const ImageView> images, int n) const {
  const std::size_t size = inputs_.elements(input);
  float* const buffer = space.inputs[input].get();
  for (int i = 0; i < n; ++i) inputs_.convert(input, images[space.image[i]], buffer + i * size, space.scratch);
  space.prepared[input] = 1;
}

void Executor::run_rows(Workspace& space, std::span<const ImageView> images, std::span<Outcome> outcomes) const {
  int n = static_cast<int>(images.size());
  std::iota(space.image.begin(), space.image.begin() + n, 0);
  std::ranges::fill(space.prepared, 0);
  for (int s = 0; n > 0; ++s) {
    const plan::Stage& stage = plan_.stages[s];
    const int input = inputs_.of_stage(s);
    if (input >= 0 && !space.prepared[input]) prepare(space, input, images, n);
    const engine::StageTensors buffers{.input = (input >= 0 ? space.inputs[input] : space.carries[stage.source]).get(),
                                       .logits = space.logits.get(),
                                       .features = exits_[s].wants_features() ? space.features.get() : nullptr,
                                       .carry = space.carries[s].get()};
    if (Status status = sessions_[s]->run(n, buffers); !status) {
      engine::fail_with(status.error().code, "stage '{}': {}", stage.name, status.error().message);
    }
    space.handover.clear();
    for (std::size_t k = 0; k < inputs_.size(); ++k) {
      if (space.prepared[k] && last_input_reader_[k] > s)
        space.handover.push_back({space.inputs[k].get(), inputs_.elements(static_cast<int>(k))});
    }
    for (int k = 0; k <= s; ++k) {
      const std::size_t row = sessions_[k]->info().carry_size;
      if (last_reader_[k] > s) space.handover.push_back({space.carries[k].get(), row});
      if (last_answer_reader_[k] > s) space.handover.push_back({space.answers[k].get(), plan_.classes.size()});
    }
    n = exits_[s].decide(n, space.logits.get(), space.features.get(), space.handover, space.image, outcomes,
                         {.answers = space.answers_so_far, .mixed = space.mixed});
  }
}

}  // namespace triage::runtime
