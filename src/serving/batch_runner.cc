// Map: a network reads its rows from one block, so the rows of images that came from different batches are copied
// together (gather), and what later stages read is copied out again (keep). An exit decides nothing here: it is asked
// with a threshold that keeps every row, since rows of one batch may have thresholds of their own; its answers are then
// there for all of them, also for what an audit wants to know.
#include "serving/batch_runner.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>

namespace triage::serving {
namespace {

using Buffer = std::unique_ptr<float[]>;
Buffer make_buffer(std::size_t elements) { return std::make_unique_for_overwrite<float[]>(elements); }

void copy(const float* from, std::size_t elements, float* to) { std::memcpy(to, from, elements * sizeof(float)); }

}  // namespace

struct BatchRunner::Workspace : engine::Pooled<BatchRunner::Workspace> {
  Buffer input, logits, features, carry;  // [max_batch, ...] of any stage
  std::vector<Buffer> answers;            // [max_batch, classes] per stage; empty where no exit reads them
  std::vector<float*> answers_so_far;
  std::vector<float> mixed, all_logits, all_probabilities;
  std::vector<int> image;
  std::vector<Outcome> outcomes;
  preprocess::Scratch scratch;
};

class BatchRunner::Lease {
 public:
  explicit Lease(const BatchRunner& runner) : space_(runner.pool_->take()) {
    if (space_ == nullptr) space_ = runner.pool_->add(made_for(runner));
  }
  ~Lease() { engine::Pool<Workspace>::give(*space_); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Workspace& operator*() const { return *space_; }

 private:
  static std::unique_ptr<Workspace> made_for(const BatchRunner& runner) {
    const runtime::StageSet& stages = *runner.stages_;
    const std::size_t rows = runner.max_batch_, classes = stages.plan().classes.size();
    auto space = std::make_unique<Workspace>();
    std::size_t features = 0, input = 0, carry = 0;
    for (int s = 0; s < stages.size(); ++s) {
      const engine::SessionInfo& shape = stages.shape(s);
      input = std::max<std::size_t>(input, shape.input_size);
      if (stages.exit(s).wants_features()) features = std::max<std::size_t>(features, shape.feature_width);
      if (stages.last_reader(s) >= 0) carry = std::max<std::size_t>(carry, shape.carry_size);
      space->answers.push_back(stages.last_answer_reader(s) >= 0 ? make_buffer(rows * classes) : nullptr);
      space->answers_so_far.push_back(space->answers.back().get());
    }
    space->input = make_buffer(rows * input);
    space->logits = make_buffer(rows * classes);
    space->features = make_buffer(rows * features);
    space->carry = make_buffer(rows * carry);
    space->mixed.resize(classes);
    space->image.resize(rows);
    space->outcomes.resize(rows);
    return space;
  }

  Workspace* space_;
};

BatchRunner::BatchRunner(const runtime::StageSet& stages, int max_batch, Clock clock)
    : stages_(&stages),
      max_batch_(std::clamp(max_batch, 1, stages.max_rows())),
      clock_(std::move(clock)),
      pool_(std::make_unique<engine::Pool<Workspace>>()) {
  const auto slot = [this](bool read, std::size_t size) {
    const Slot made{row_elements_, read ? size : 0};
    row_elements_ += made.size;
    return made;
  };
  const runtime::ImageInputs& inputs = stages.inputs();
  for (int k = 0; k < static_cast<int>(inputs.size()); ++k) {
    int takers = 0;
    for (int s = 0; s < stages.size(); ++s) takers += inputs.of_stage(s) == k ? 1 : 0;
    inputs_.push_back(slot(takers > 1, inputs.elements(k)));
  }
  for (int s = 0; s < stages.size(); ++s) {
    carries_.push_back(slot(stages.last_reader(s) >= 0, stages.shape(s).carry_size));
    answers_.push_back(slot(stages.last_answer_reader(s) > s, stages.plan().classes.size()));
  }
}

BatchRunner::~BatchRunner() = default;

void BatchRunner::gather(Workspace& space, int stage, std::span<const BatchRow> rows) const {
  const runtime::ImageInputs& inputs = stages_->inputs();
  const int input = inputs.of_stage(stage);
  const std::size_t elements = stages_->shape(stage).input_size;
  bool made = false;  // an earlier stage has made this input
  for (int s = 0; s < stage; ++s) made |= input >= 0 && inputs.of_stage(s) == input;
  const Slot& from = input >= 0 ? inputs_[input] : carries_[stages_->plan().stages[stage].source];
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const ImageInFlight& image = *rows[i].image;
    float* const row = &space.input[i * elements];
    if (input < 0 || made)
      copy(&image.rows[from.offset], elements, row);
    else
      inputs.convert(input, image.view, row, space.scratch);
    for (int s = 0; s < stage; ++s) {
      const Slot& answer = answers_[s];
      if (answer.size > 0 && stages_->exit(stage).reads_answer(s))
        copy(&image.rows[answer.offset], answer.size, &space.answers[s][i * answer.size]);
    }
  }
}

void BatchRunner::keep(const Workspace& space, int stage, std::size_t row, ImageInFlight& image) const {
  if (row_elements_ == 0) return;
  if (!image.rows) image.rows = make_buffer(row_elements_);
  const int input = stages_->inputs().of_stage(stage);
  const auto put = [&](const Slot& slot, const float* from) {
    if (slot.size > 0) copy(from + row * slot.size, slot.size, &image.rows[slot.offset]);
  };
  if (input >= 0 && stages_->last_input_reader(input) > stage) put(inputs_[input], space.input.get());
  put(carries_[stage], space.carry.get());
  put(answers_[stage], space.answers[stage].get());
}

BatchTimes BatchRunner::run(int stage, std::span<BatchRow> rows) const {
  const Lease lease(*this);
  Workspace& space = *lease;
  const runtime::ExitStep& exit = stages_->exit(stage);
  const std::size_t n = rows.size(), classes = stages_->plan().classes.size();
  BatchTimes times{.start = clock_()};
  gather(space, stage, rows);
  times.input = clock_();
  stages_->run(stage, static_cast<int>(n),
               {.input = space.input.get(),
                .logits = space.logits.get(),
                .features = exit.wants_features() ? space.features.get() : nullptr,
                .carry = stages_->last_reader(stage) >= 0 ? space.carry.get() : nullptr});
  times.infer = clock_();
  Details details;
  if (std::ranges::any_of(rows, [](const BatchRow& row) { return row.request->wants_probabilities; })) {
    space.all_probabilities.resize(max_batch_ * classes);
    details.probabilities = std::span(space.all_probabilities).first(n * classes);
  }
  std::iota(space.image.begin(), space.image.begin() + static_cast<std::ptrdiff_t>(n), 0);
  const std::span outcomes = std::span(space.outcomes).first(n);
  exit.decide(static_cast<int>(n), std::numeric_limits<double>::infinity(), space.logits.get(), space.features.get(),
              {}, space.image, outcomes, {.answers = space.answers_so_far, .mixed = space.mixed, .details = details});
  const runtime::ThresholdSet thresholds = stages_->thresholds().now();
  for (std::size_t i = 0; i < n; ++i) {
    BatchRow& row = rows[i];
    ImageInFlight& image = *row.image;
    const Outcome& outcome = outcomes[i];
    const std::vector<double>& own = row.request->thresholds;
    row.goes_on =
        !exit.last() && runtime::ExitStep::goes_on(outcome.score, own.empty() ? thresholds[stage] : own[stage]);
    if (!exit.last() && (row.goes_on || image.audit)) keep(space, stage, i, image);
    image.visits.resize(stage);  // all that there are, unless this batch has failed before
    image.visits.push_back({.label = outcome.label,
                            .probability = outcome.probability,
                            .score = outcome.score,
                            .queue_us = 1e6 * (times.start - row.since),
                            .compute_us = 0,
                            .batch = static_cast<int>(n)});
    if (row.goes_on || image.answered) continue;
    image.answer.outcome = outcome;
    if (row.request->wants_logits)
      image.answer.logits.assign(&space.logits[i * classes], &space.logits[(i + 1) * classes]);
    if (row.request->wants_probabilities) {
      const std::span probabilities = details.probabilities.subspan(i * classes, classes);
      image.answer.probabilities.assign(probabilities.begin(), probabilities.end());
    }
  }
  times.output = clock_();
  for (const BatchRow& row : rows) {
    ImageInFlight& image = *row.image;
    image.visits.back().compute_us = 1e6 * (times.output - times.start) / static_cast<double>(n);
    if (row.goes_on || image.answered) continue;
    image.answer.visits = image.visits;
    image.answer.outcome.microseconds = 0;
    for (const StageVisit& visit : image.visits) image.answer.outcome.microseconds += visit.compute_us;
  }
  return times;
}

}  // namespace triage::serving
