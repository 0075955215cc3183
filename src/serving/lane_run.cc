// What a worker does with a batch.
#include <algorithm>
#include <format>

#include "engine/status.h"
#include "serving/lane.h"

namespace triage::serving {
namespace {

constexpr double kNewest = 0.1;  // weight of a batch in the mean time of a stage's images

}  // namespace

void Lane::run(Taken taken) {
  for (const auto& [entry, why] : taken.dropped) {
    const double waited = options_.clock() - entry.request->submitted;
    fail(entry, {why, why == RequestErrorCode::cancelled
                          ? "cancelled"
                          : std::format("the deadline passed before it was answered, after {:.1f} ms", 1e3 * waited)});
  }
  taken.dropped.clear();
  if (taken.stage == kDecoding)
    decode(taken.entries);
  else if (!taken.entries.empty())
    run_stage(taken.stage, taken.entries);
  put_on(taken.stage + 1, taken.entries);
}

// Leaves in `entries` those that go on.
void Lane::run_stage(int stage, std::vector<QueuedImage>& entries) {
  std::vector<BatchRow> rows;
  for (const QueuedImage& entry : entries)
    rows.push_back({.image = &entry.image(), .request = &entry.request->request, .since = entry.since});
  try {
    const BatchTimes times = runner_.run(stage, rows);
    BatchReport report{.stage = stage,
                       .images = static_cast<int>(rows.size()),
                       .longest_wait_us = 1e6 * (times.start - std::ranges::min(rows, {}, &BatchRow::since).since),
                       .input_us = 1e6 * (times.input - times.start),
                       .infer_us = 1e6 * (times.infer - times.input),
                       .output_us = 1e6 * (times.output - times.infer)};
    int awaited = 0;
    for (const BatchRow& row : rows) {
      awaited += row.image->answered ? 0 : 1;
      report.sent_on += row.goes_on && !row.image->answered ? 1 : 0;
    }
    if (awaited > 0) {
      learn(stage, (times.output - times.start) / static_cast<double>(rows.size()),
            static_cast<double>(report.sent_on) / awaited);
    }
    for (const auto& observer : observers_) observer->batch_ran(report);
  } catch (...) {
    RequestError error = request_error(engine::current_error());
    if (entries.size() == 1) {
      fail(entries.front(), std::move(error));
      entries.clear();
      return;
    }
    std::vector<QueuedImage> going;  // each alone: whose image it was is its request's matter, nobody else's
    for (QueuedImage& entry : entries) {
      std::vector<QueuedImage> alone;
      alone.push_back(std::move(entry));
      run_stage(stage, alone);
      std::ranges::move(alone, std::back_inserter(going));
    }
    entries = std::move(going);
    return;
  }
  std::size_t row = 0;
  std::erase_if(entries, [&](const QueuedImage& entry) { return !stays(stage, entry, rows[row++].goes_on); });
}

// Means that forget: of about the last ten batches. Two at a time may lose one of them.
void Lane::learn(int stage, double image_seconds, double share_on) {
  const bool first = image_seconds_[stage].load(std::memory_order_relaxed) == 0;
  const auto mean = [first](std::atomic<double>& of, double newest) {
    const double before = of.load(std::memory_order_relaxed);
    of.store(first ? newest : before + kNewest * (newest - before), std::memory_order_relaxed);
  };
  mean(share_on_[stage], share_on);
  mean(image_seconds_[stage], image_seconds);
}

// After an image ran through a stage: whether there is another one for it.
bool Lane::stays(int stage, const QueuedImage& entry, bool goes_on) {
  ImageInFlight& image = entry.image();
  const bool last = stage + 1 == stages_->size();
  if (image.answered) {
    if (!last) return true;
    for (const auto& observer : observers_) {
      observer->audited({.exit = image.left_at, .visits = image.visits});
      observer->sampled(image.visits);
    }
    --under_audit_;
    leave(*entry.request);
    return false;
  }
  if (goes_on) return true;
  const bool audit = image.audit && !last && under_audit_.fetch_add(1) < options_.max_audited;
  if (image.audit && !last && !audit) --under_audit_;
  image.answered = true;
  image.left_at = stage;
  // Where audits are given up for now, those that come to the end by themselves are not taken either: else they would
  // be too large a part of the sample.
  const bool sampled = image.audit && last && under_audit_ < options_.max_audited;
  for (const auto& observer : observers_) {
    observer->image_answered(image.answer);
    if (sampled) observer->sampled(image.visits);
  }
  --images_;
  if (!audit) leave(*entry.request);
  if (--entry.request->unanswered == 0) end(*entry.request, std::nullopt);
  return audit;
}

void Lane::decode(std::vector<QueuedImage>& entries) {
  std::erase_if(entries, [&](const QueuedImage& entry) {
    ImageInFlight& image = entry.image();
    const double start = options_.clock();
    std::optional<RequestError> error;
    try {
      Result<DecodedImage> decoded = options_.decoder->decode(image.encoded, decoding_as_);
      if (!decoded) engine::fail_with(decoded.error().code, "images[{}]: {}", entry.index, decoded.error().message);
      image.decoded = std::move(decoded->pixels);
      image.view = {image.decoded.data(), decoded->height, decoded->width, decoded->channels};
      stages_->inputs().check(image.view, "images", entry.index);
    } catch (...) {
      error = request_error(engine::current_error());
    }
    entry.request->bytes += image.decoded.size();
    bytes_ += image.decoded.size();
    for (const auto& observer : observers_) {
      observer->batch_ran({.stage = kDecoding,
                           .images = 1,
                           .sent_on = error ? 0 : 1,
                           .longest_wait_us = 1e6 * (start - entry.since),
                           .input_us = 1e6 * (options_.clock() - start)});
    }
    if (error) fail(entry, std::move(*error));
    return error.has_value();
  });
}

// An image that will not be answered, or whose audit ends here.
void Lane::fail(const QueuedImage& entry, RequestError error) {
  if (entry.image().answered) {
    --under_audit_;
    leave(*entry.request);
    return;
  }
  --images_;
  leave(*entry.request);
  end(*entry.request, std::move(error));
}

void Lane::leave(RequestInFlight& request) {
  if (--request.under_way == 0) bytes_ -= request.bytes;
}

void Lane::end(RequestInFlight& request, std::optional<RequestError> error) {
  if (request.ended.exchange(true)) return;
  Reply reply{.total_us = 1e6 * (options_.clock() - request.submitted)};
  if (!error) {
    for (ImageInFlight& image : request.images) {
      double waited = 0;
      for (const StageVisit& visit : image.answer.visits) waited += visit.queue_us;
      reply.queue_us = std::max(reply.queue_us, waited);
      reply.answers.push_back(std::move(image.answer));
    }
  }
  RequestReport report{.images = request.images.size(), .queue_us = reply.queue_us, .total_us = reply.total_us};
  if (error) report.error = error->code;
  reply.error = std::move(error);
  for (const auto& observer : observers_) observer->request_ended(report);
  const auto done = std::move(request.request.done);  // and what it holds goes with the answer
  done(std::move(reply));
}

}  // namespace triage::serving
