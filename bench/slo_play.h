// One stretch of slo_bench's trace in real time: a worker that classifies, a queue in front of it, and requests that
// come when the trace says, whether or not it keeps up.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/slo_trace.h"
#include "core/clock.h"
#include "data/dataset.h"
#include "triage/classifier.h"
#include "triage/controller.h"

namespace triage::slo {

struct Images {
  std::vector<ImageView> views;
  std::vector<int> labels;
};

inline Images test_images(const data::Dataset& dataset, std::span<const std::uint32_t> indices) {
  Images images;
  if (dataset.encoded()) fail("data set '{}': expected raw images, found encoded ones", dataset.info().name);
  data::Image unused;
  for (const std::uint32_t i : indices) {
    images.views.push_back(dataset.view(i, unused));
    images.labels.push_back(static_cast<int>(dataset.label(i)));
  }
  return images;
}

// What decides the thresholds; fixed ones never change.
struct Way {
  std::string name;
  std::vector<double> thresholds;
  std::unique_ptr<Controller> controller = {};
};

// A request that waited beyond its time before it began is not run: it is missed, as a server with deadlines does it,
// for all ways alike. Times begin when the trace says that a request comes.
class Play {
 public:
  Play(Classifier& classifier, const Images& images, Way& way, double slo_us)
      : classifier_(classifier), images_(images), way_(way), slo_us_(slo_us) {}

  // The images are drawn by the seed and the request's number alone: the same ones for every way.
  Tally run(std::span<const double> arrivals, std::uint64_t seed) {
    if (!way_.controller) write(way_.thresholds);
    start_ = steady_seconds();
    std::thread worker([this] { work(); });
    for (std::size_t i = 0; i < arrivals.size(); ++i) {
      const double at = start_ + arrivals[i];
      for (double now = steady_seconds(); now < at; now = steady_seconds())
        if (at - now > 100e-6) std::this_thread::sleep_for(std::chrono::duration<double>(at - now - 80e-6));
      const std::size_t image = derive_seed(seed, "image", i) % images_.views.size();
      {
        const std::lock_guard lock(mutex_);
        queue_.push_back({at, image});
        if (way_.controller) way_.controller->arrived(at);
      }
      filled_.notify_one();
    }
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    filled_.notify_one();
    worker.join();
    return tally_;
  }

 private:
  struct Waiting {
    double arrived = 0;
    std::size_t image = 0;
  };

  void write(const std::vector<double>& thresholds) {
    if (const Status status = classifier_.set_thresholds(thresholds); !status) fail("{}", status.error().message);
  }

  void work() {
    for (;;) {
      Waiting next;
      std::size_t waiting = 0;
      {
        std::unique_lock lock(mutex_);
        filled_.wait(lock, [this] { return over_ || !queue_.empty(); });
        if (queue_.empty()) return;
        waiting = queue_.size();
        next = queue_.front();
        queue_.pop_front();
      }
      answer(next, waiting);
    }
  }

  void answer(const Waiting& next, std::size_t waiting) {
    const double begun = steady_seconds();
    const double waited_us = 1e6 * (begun - next.arrived);
    ++tally_.requests;
    if (waited_us > slo_us_) {
      ++tally_.missed;
      return;
    }
    if (way_.controller) {
      const ControllerDecision decision = way_.controller->decide(
          {.seconds = begun, .waiting = static_cast<double>(waiting), .oldest_wait_us = waited_us});
      if (decision.changed || tally_.answered == 0) write(decision.point->thresholds);
      tally_.switches += decision.changed ? 1 : 0;
    }
    const Result<Outcome> outcome = classifier_.classify(images_.views[next.image]);
    if (!outcome) fail("{}", outcome.error().message);
    const double ended = steady_seconds();
    if (way_.controller) {
      const auto exit = static_cast<std::size_t>(outcome->exit);
      way_.controller->served(way_.controller->curve().path_us[exit], 1e6 * (ended - begun));
    }
    ++tally_.answered;
    tally_.right += outcome->label == images_.labels[next.image] ? 1 : 0;
    tally_.missed += 1e6 * (ended - next.arrived) > slo_us_ ? 1 : 0;
  }

  Classifier& classifier_;
  const Images& images_;
  Way& way_;
  double slo_us_, start_ = 0;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<Waiting> queue_;
  bool over_ = false;
  Tally tally_;
};

}  // namespace triage::slo
