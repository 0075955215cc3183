#include "runtime/executor.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "engine/status.h"

namespace triage::runtime {
namespace {

// Left uninitialised, so that memory a call never touches stays virtual.
using Buffer = std::unique_ptr<float[]>;
Buffer make_buffer(std::size_t elements) { return std::make_unique_for_overwrite<float[]>(elements); }

}  // namespace

struct Executor::Workspace : engine::Pooled<Executor::Workspace> {
  // Of the calls that had this workspace: one writer at a time, so that counting shares no cache line with others.
  class Counter {
   public:
    void add(std::uint64_t n) { value_.store(value() + n, std::memory_order_relaxed); }
    std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

   private:
    std::atomic<std::uint64_t> value_{0};
  };

  Buffer logits, features;
  std::vector<Buffer> inputs;  // per distinct input of the plan
  std::vector<char> prepared;  // which of them hold the rows
  preprocess::Scratch scratch;
  std::vector<Buffer> carries;         // per stage; empty where nobody reads it
  std::vector<Buffer> answers;         // [rows, classes] probabilities per stage; empty where no exit reads them
  std::vector<float*> answers_so_far;  // of `answers`
  std::vector<float> mixed;            // [classes]
  std::vector<int> order;              // [classes]
  std::vector<int> image;              // [rows] which image a row belongs to
  std::vector<HandOver> handover;      // capacity for every buffer
  Counter calls, nanoseconds;
  std::vector<Counter> exits;  // images
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
  Workspace* operator->() const { return space_; }

 private:
  static std::unique_ptr<Workspace> made_for(const Executor& executor) {
    const StageSet& stages = executor.stages_;
    const std::size_t rows = stages.max_rows(), classes = stages.plan().classes.size();
    auto space = std::make_unique<Workspace>();
    std::size_t widest = 0;
    for (int s = 0; s < stages.size(); ++s) {
      const engine::SessionInfo& shape = stages.shape(s);
      if (stages.exit(s).wants_features()) widest = std::max<std::size_t>(widest, shape.feature_width);
      space->carries.push_back(stages.last_reader(s) >= 0 ? make_buffer(rows * shape.carry_size) : nullptr);
      space->answers.push_back(stages.last_answer_reader(s) >= 0 ? make_buffer(rows * classes) : nullptr);
      space->answers_so_far.push_back(space->answers.back().get());
    }
    const ImageInputs& inputs = stages.inputs();
    for (std::size_t k = 0; k < inputs.size(); ++k)
      space->inputs.push_back(make_buffer(rows * inputs.elements(static_cast<int>(k))));
    space->prepared.resize(inputs.size());
    space->mixed.resize(classes);
    space->order.resize(classes);
    space->exits = std::vector<Workspace::Counter>(stages.size());
    space->logits = make_buffer(rows * classes);
    space->features = make_buffer(rows * widest);
    space->image.resize(rows);
    space->handover.reserve(2 * static_cast<std::size_t>(stages.size()) + inputs.size());
    return space;
  }

  Workspace* space_;
};

Executor::Executor(plan::Plan plan, std::vector<std::unique_ptr<engine::Session>> sessions,
                   std::span<const double> thresholds)
    : stages_(std::move(plan), std::move(sessions), thresholds), pool_(std::make_unique<engine::Pool<Workspace>>()) {}

Executor::~Executor() = default;

void Executor::check(std::size_t images, std::span<const Outcome> outcomes, const Details& details) const {
  if (outcomes.size() != images) {
    engine::fail_with(ErrorCode::bad_input, "outcomes: found {}, expected {}, the number of images", outcomes.size(),
                      images);
  }
  const std::size_t classes = plan().classes.size();
  const auto check_rows = [&](const char* name, std::span<const float> rows) {
    if (!rows.empty() && rows.size() != images * classes) {
      engine::fail_with(ErrorCode::bad_input, "{}: found {}, expected {}, {} classes of {} images", name, rows.size(),
                        images * classes, classes, images);
    }
  };
  check_rows("logits", details.logits);
  check_rows("probabilities", details.probabilities);
  const std::size_t exits = plan().stages.size() - 1;
  if (!details.scores.empty() && details.scores.size() != images * exits) {
    engine::fail_with(ErrorCode::bad_input, "scores: found {}, expected {}, {} exits but the last of {} images",
                      details.scores.size(), images * exits, exits, images);
  }
  const std::size_t top = details.top.size();
  if (top > 0 && (images == 0 || top % images != 0 || top / images > classes)) {
    engine::fail_with(ErrorCode::bad_input, "top: found {}, expected for each of {} images equally many, at most {}",
                      top, images, classes);
  }
}

Status Executor::classify(std::span<const ImageView> images, std::span<Outcome> outcomes,
                          const Details& details) const {
  try {
    const auto start = std::chrono::steady_clock::now();
    check(images.size(), outcomes, details);
    for (std::size_t i = 0; i < images.size(); ++i) check(images[i], i);
    if (images.empty()) return Ok{};
    const Lease lease(*this);
    run_pieces(*lease, images, stages_.thresholds().now(), outcomes, details);
    const auto spent = std::chrono::steady_clock::now() - start;
    const std::chrono::duration<double, std::micro> microseconds = spent;
    for (Outcome& outcome : outcomes) outcome.microseconds = microseconds.count() / static_cast<double>(images.size());
    lease->calls.add(1);
    lease->nanoseconds.add(static_cast<std::uint64_t>(std::chrono::nanoseconds(spent).count()));
    return Ok{};
  } catch (...) {
    count_error();
    return engine::current_error();
  }
}

void Executor::run(std::span<const ImageView> images, const ThresholdSet& thresholds, std::span<Outcome> outcomes,
                   const Details& details) const {
  if (images.empty()) return;
  const Lease lease(*this);
  run_pieces(*lease, images, thresholds, outcomes, details);
}

void Executor::count_call(double microseconds) const {
  const Lease lease(*this);
  lease->calls.add(1);
  lease->nanoseconds.add(static_cast<std::uint64_t>(microseconds * 1e3));
}

ClassifierStatistics Executor::statistics() const {
  ClassifierStatistics sum{.errors = errors_.load(std::memory_order_relaxed),
                           .exits = std::vector<std::uint64_t>(stages_.size())};
  std::uint64_t nanoseconds = 0;
  pool_->for_each([&](const Workspace& space) {
    sum.calls += space.calls.value();
    nanoseconds += space.nanoseconds.value();
    for (std::size_t s = 0; s < sum.exits.size(); ++s) sum.exits[s] += space.exits[s].value();
  });
  for (std::size_t s = 0; s < sum.exits.size(); ++s) {
    sum.images += sum.exits[s];
    if (s > 0) sum.sent_on += sum.exits[s];
  }
  sum.microseconds = static_cast<double>(nanoseconds) / 1e3;
  return sum;
}

void Executor::run_pieces(Workspace& space, std::span<const ImageView> images, const ThresholdSet& thresholds,
                          std::span<Outcome> outcomes, const Details& details) const {
  const std::size_t top = details.top.size() / images.size(), rows = stages_.max_rows();
  std::ranges::fill(details.scores, -1.0f);
  for (std::size_t first = 0; first < images.size(); first += rows) {
    const std::size_t count = std::min<std::size_t>(rows, images.size() - first);
    const auto part = [&](auto whole, std::size_t width) {
      return whole.empty() ? whole : whole.subspan(first * width, count * width);
    };
    run_rows(space, images.subspan(first, count), thresholds, outcomes.subspan(first, count),
             {.logits = part(details.logits, plan().classes.size()),
              .probabilities = part(details.probabilities, plan().classes.size()),
              .top = part(details.top, top),
              .scores = part(details.scores, plan().stages.size() - 1)});
  }
  for (const Outcome& outcome : outcomes) space.exits[outcome.exit].add(1);
}

// An input is made when the first stage that takes it is reached, of the images that come as far.
void Executor::prepare(Workspace& space, int input, std::span<const ImageView> images, int n) const {
  const ImageInputs& inputs = stages_.inputs();
  const std::size_t size = inputs.elements(input);
  float* const buffer = space.inputs[input].get();
  for (int i = 0; i < n; ++i) inputs.convert(input, images[space.image[i]], buffer + i * size, space.scratch);
  space.prepared[input] = 1;
}

void Executor::run_rows(Workspace& space, std::span<const ImageView> images, const ThresholdSet& thresholds,
                        std::span<Outcome> outcomes, const Details& details) const {
  const ImageInputs& inputs = stages_.inputs();
  int n = static_cast<int>(images.size());
  std::iota(space.image.begin(), space.image.begin() + n, 0);
  std::ranges::fill(space.prepared, 0);
  for (int s = 0; n > 0; ++s) {
    const ExitStep& exit = stages_.exit(s);
    const int input = inputs.of_stage(s), source = plan().stages[s].source;
    if (input >= 0 && !space.prepared[input]) prepare(space, input, images, n);
    stages_.run(s, n,
                {.input = (input >= 0 ? space.inputs[input] : space.carries[source]).get(),
                 .logits = space.logits.get(),
                 .features = exit.wants_features() ? space.features.get() : nullptr,
                 .carry = space.carries[s].get()});
    space.handover.clear();
    for (int k = 0; k < static_cast<int>(inputs.size()); ++k) {
      if (space.prepared[k] && stages_.last_input_reader(k) > s)
        space.handover.push_back({space.inputs[k].get(), inputs.elements(k)});
    }
    for (int k = 0; k <= s; ++k) {
      const std::size_t row = stages_.shape(k).carry_size;
      if (stages_.last_reader(k) > s) space.handover.push_back({space.carries[k].get(), row});
      if (stages_.last_answer_reader(k) > s) space.handover.push_back({space.answers[k].get(), plan().classes.size()});
    }
    n = exit.decide(n, thresholds[s], space.logits.get(), space.features.get(), space.handover, space.image, outcomes,
                    {.answers = space.answers_so_far, .mixed = space.mixed, .order = space.order, .details = details});
  }
}

}  // namespace triage::runtime
