#include "serving/lane.h"

#include <algorithm>
#include <format>

#include "core/rng.h"
#include "engine/status.h"

namespace triage::serving {
namespace {

constexpr int kLeastPart = 8;       // images: smaller batches are not shared out among free workers
constexpr std::uint64_t kSeed = 1;  // of which images are audited

std::size_t bytes_of(const Request& request) {
  std::size_t bytes = 0;
  for (const ImageView& view : request.images)
    bytes += static_cast<std::size_t>(view.height) * view.width * view.channels;
  for (const EncodedImage& file : request.encoded) bytes += file.size;
  return bytes;
}

}  // namespace

Lane::Lane(std::shared_ptr<runtime::StageSet> stages, Workers& workers, SchedulerOptions options,
           std::vector<std::shared_ptr<Observer>> observers)
    : stages_(std::move(stages)),
      workers_(&workers),
      options_(std::move(options)),
      observers_(std::move(observers)),
      runner_(*stages_, options_.max_batch, options_.clock),
      image_seconds_(stages_->size()),
      share_on_(stages_->size()),
      queues_(stages_->size()),
      audited_(stages_->size()) {
  const plan::Plan& plan = stages_->plan();
  decoding_as_ = {.channels = plan.input.channels,
                  .height = plan.input.height,
                  .width = plan.input.width,
                  .fit = fit_name(plan.fit),
                  .max_megapixels = options_.max_megapixels};
}

std::optional<RequestError> Lane::why_not(const Request& request) const {
  const std::size_t count = request.images.size() + request.encoded.size();
  if (count == 0 || (!request.images.empty() && !request.encoded.empty()))
    return RequestError{RequestErrorCode::bad_input, "images: found none, or pixels and files in one request"};
  if (count > options_.max_images) {
    return RequestError{RequestErrorCode::bad_input,
                        std::format("images: found {}, expected at most {}", count, options_.max_images)};
  }
  if (!request.encoded.empty() && options_.decoder == nullptr)
    return RequestError{RequestErrorCode::unsupported, "encoded images: found no decoder, expected pixels"};
  try {
    for (std::size_t i = 0; i < request.images.size(); ++i) stages_->inputs().check(request.images[i], "images", i);
    if (!request.thresholds.empty())
      runtime::check_thresholds(request.thresholds, stages_->thresholds().size(), stages_->plan().name);
  } catch (...) {
    return request_error(engine::current_error());
  }
  for (std::size_t i = 0; i < request.encoded.size(); ++i) {
    if (request.encoded[i].bytes == nullptr)
      return RequestError{RequestErrorCode::bad_input, std::format("images[{}]: bytes: found null", i)};
  }
  return std::nullopt;
}

Submitted Lane::submit(Request request) {
  const std::size_t count = request.images.size() + request.encoded.size();
  const auto refuse = [&](RequestError error) {
    for (const auto& observer : observers_)
      observer->request_ended({.error = error.code, .images = count, .taken = false});
    return Submitted{.refused = std::move(error), .ticket = {}};
  };
  if (std::optional<RequestError> error = why_not(request)) return refuse(std::move(*error));
  auto taken = std::make_shared<RequestInFlight>();
  taken->bytes = bytes_of(request) + count * runner_.row_bytes();
  if (taken->bytes > options_.max_bytes) {
    return refuse({RequestErrorCode::bad_input,
                   std::format("images: found {} bytes with what stages hand on, expected at most {}",
                               taken->bytes.load(), options_.max_bytes)});
  }
  taken->images.resize(count);
  taken->unanswered = taken->under_way = count;
  const double share = audit_share_.load(std::memory_order_relaxed);
  const std::uint64_t first = submitted_images_.fetch_add(count, std::memory_order_relaxed);
  for (std::size_t i = 0; i < count; ++i) {
    ImageInFlight& image = taken->images[i];
    if (request.encoded.empty())
      image.view = request.images[i];
    else
      image.encoded = request.encoded[i];
    image.visits.reserve(stages_->size());
    image.audit = share > 0 && Rng(derive_seed(kSeed, "audit", first + i)).uniform() < share;
  }
  const bool wakes = request.wakes;
  taken->request = std::move(request);
  const Ticket ticket{std::shared_ptr<std::atomic<bool>>(taken, &taken->cancelled)};
  std::optional<RequestError> refused;
  {
    const std::lock_guard lock(workers_->mutex());
    if (stopping_)
      refused = {RequestErrorCode::stopping, "the plan is being unloaded, or the server stops"};
    else if (images_ + count > options_.max_images || bytes_ + taken->bytes > options_.max_bytes)
      refused = {RequestErrorCode::queue_full,
                 std::format("{} images of {} bytes wait, at most {} of {} may", images_.load(), bytes_.load(),
                             options_.max_images, options_.max_bytes)};
    else if (refused = too_late(taken->request); !refused)
      put_in(taken);
  }
  if (refused) return refuse(std::move(*refused));
  for (const auto& observer : observers_) observer->request_taken(count);
  if (wakes) workers_->wake();
  return {.refused = std::nullopt, .ticket = ticket};
}

// Under the lock. A request whose images would have to wait until its deadline is over is refused before it costs
// anything, by what images have taken so far; before the first batch nothing is known, and nobody is refused.
std::optional<RequestError> Lane::too_late(const Request& request) const {
  if (request.deadline == kNoDeadline) return std::nullopt;
  const double now = options_.clock(), left = request.deadline - now, workers = std::max(1, workers_->count());
  double all = 0;  // of an image that comes to every stage
  for (const std::atomic<double>& image : image_seconds_) all += image.load(std::memory_order_relaxed);
  if (left <= 0 || static_cast<double>(images_) * all <= left * workers) return std::nullopt;
  const double wait = work_ahead(now) / workers;
  if (wait <= left) return std::nullopt;
  return RequestError{RequestErrorCode::queue_full,
                      std::format("{} images wait, for about {:.1f} ms: longer than the deadline, in {:.1f} ms",
                                  images_.load(), 1e3 * wait, 1e3 * left)};
}

// Seconds of one worker for what waits in the queues, all stages that it will come to.
double Lane::work_ahead(double now) const {
  double ahead = 0, to_come = 0;  // to_come: of one image, from this stage on
  for (int s = stages_->size(); s-- > 0;) {
    to_come =
        image_seconds_[s].load(std::memory_order_relaxed) + share_on_[s].load(std::memory_order_relaxed) * to_come;
    const auto runs = [&](const QueuedImage& entry) {
      const RequestInFlight& request = *entry.request;
      return !request.cancelled.load(std::memory_order_relaxed) && !request.ended && now < request.request.deadline;
    };
    const auto count = [&](const Queue& queue) { return static_cast<double>(std::ranges::count_if(queue, runs)); };
    ahead += to_come * (count(queues_[s]) + (s == 0 ? count(decoding_) : 0));
  }
  return ahead;
}

// Under the lock.
void Lane::put_in(const std::shared_ptr<RequestInFlight>& request) {
  images_ += request->images.size();
  bytes_ += request->bytes;
  request->submitted = options_.clock();
  Queue& into = request->request.encoded.empty() ? queues_.front() : decoding_;
  for (std::size_t i = 0; i < request->images.size(); ++i) into.push_back({request, i, request->submitted});
}

int Lane::largest_batch(int stage) const {
  const double image = image_seconds_[stage].load(std::memory_order_relaxed), most = runner_.max_batch();
  return image > 0 ? static_cast<int>(std::clamp(options_.max_batch_time / image, 1.0, most)) : runner_.max_batch();
}

std::optional<Urgency> Lane::urgency() const {
  const double now = options_.clock();
  std::optional<Urgency> best;
  const auto offer = [&](const Queue& queue, int stage, int full, bool awaited) {
    if (queue.empty()) return;
    Urgency urgency{.awaited = awaited,
                    .fill = static_cast<double>(std::min<std::size_t>(queue.size(), full)) / full,
                    .stage = stage};
    if (const double waited = now - queue.front().since; awaited && waited > options_.max_queue_delay) {
      urgency.overdue = true;
      urgency.seconds = waited;
    }
    if (!best || urgency > *best) best = urgency;
  };
  for (int s = 0; s < stages_->size(); ++s) offer(queues_[s], s, largest_batch(s), true);
  // Decoded images take memory: while there are too many, those are run first.
  if (bytes_ <= options_.max_bytes || (!best && running_ == 0)) offer(decoding_, kDecoding, 1, true);
  if (best) return best;
  for (int s = 0; s < stages_->size(); ++s) offer(audited_[s], s, largest_batch(s), false);
  return best;
}

WorkSource::Batch Lane::take(int sharers) {
  const std::optional<Urgency> urgency = this->urgency();
  Queue& from = queue(*urgency);
  Taken taken{.stage = urgency->stage};
  const int most = taken.stage == kDecoding ? 1 : largest_batch(taken.stage);
  const auto part = (from.size() + sharers - 1) / sharers;
  const std::size_t count = std::min<std::size_t>(most, std::max<std::size_t>(part, kLeastPart));
  const double now = options_.clock();
  while (!from.empty() && taken.entries.size() < count) {
    QueuedImage entry = std::move(from.front());
    from.pop_front();
    const RequestInFlight& request = *entry.request;
    const bool awaited = !entry.image().answered;
    if (awaited && (request.cancelled.load(std::memory_order_relaxed) || request.ended))
      taken.dropped.emplace_back(std::move(entry), RequestErrorCode::cancelled);
    else if (awaited && now >= request.request.deadline)
      taken.dropped.emplace_back(std::move(entry), RequestErrorCode::deadline_expired);
    else
      taken.entries.push_back(std::move(entry));
  }
  ++running_;
  return [lane = shared_from_this(), taken = std::move(taken)]() mutable { lane->run(std::move(taken)); };
}

// The end of a batch.
void Lane::put_on(int stage, std::vector<QueuedImage>& entries) {
  const double now = options_.clock();
  std::vector<QueuedImage> given_up;
  {
    const std::lock_guard lock(workers_->mutex());
    for (QueuedImage& entry : entries) {
      const bool audit = entry.image().answered;
      if (audit ? stopping_ : closed_) {
        given_up.push_back(std::move(entry));
        continue;
      }
      entry.since = now;
      (audit ? audited_ : queues_)[stage].push_back(std::move(entry));
    }
    --running_;
    if (running_ == 0 && !anything_waits()) empty_.notify_all();
  }
  fail_all(given_up);
}

void Lane::fail_all(std::vector<QueuedImage>& entries) {
  for (const QueuedImage& entry : entries) fail(entry, {RequestErrorCode::stopping, "the server stops"});
  entries.clear();
}

void Lane::stop() {
  const std::lock_guard lock(workers_->mutex());
  stopping_ = true;
}

void Lane::drain() {
  stop();
  drop_audits();
  std::unique_lock lock(workers_->mutex());
  empty_.wait(lock, [this] { return running_ == 0 && !anything_waits(); });
}

Lane::Queue& Lane::queue(const Urgency& urgency) {
  return !urgency.awaited ? audited_[urgency.stage] : urgency.stage == kDecoding ? decoding_ : queues_[urgency.stage];
}

bool Lane::anything_waits() const {
  const auto holds = [](const Queue& queue) { return !queue.empty(); };
  return holds(decoding_) || std::ranges::any_of(queues_, holds) || std::ranges::any_of(audited_, holds);
}

void Lane::move_out(Queue& queue, std::vector<QueuedImage>& into) {
  std::ranges::move(queue, std::back_inserter(into));
  queue.clear();
}

void Lane::drop_audits() {
  std::vector<QueuedImage> dropped;
  {
    const std::lock_guard lock(workers_->mutex());
    for (Queue& queue : audited_) move_out(queue, dropped);
  }
  fail_all(dropped);
}

void Lane::close() {
  workers_->remove(*this);
  std::vector<QueuedImage> left;
  {
    const std::lock_guard lock(workers_->mutex());
    stopping_ = closed_ = true;
    move_out(decoding_, left);
    for (Queue& queue : queues_) move_out(queue, left);
    for (Queue& queue : audited_) move_out(queue, left);
  }
  fail_all(left);
}

QueueState Lane::state() const {
  const std::lock_guard lock(workers_->mutex());
  QueueState state{.images = images_, .bytes = bytes_, .decoding = decoding_.size(), .audited = under_audit_};
  for (const Queue& queue : queues_) state.waiting.push_back(queue.size());
  return state;
}

}  // namespace triage::serving
