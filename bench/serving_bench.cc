// What the scheduler of the server (src/serving) costs, without HTTP: images a second of clients that each wait for
// their answer before they ask again, against the executor with batches of as many images on as many threads, and what
// one client waits for beyond the executor. Images are random pixels; thresholds are set so that a share of those that
// reach an exit go on.
//   serving_bench PLAN    JSON: of each round "throughput_ratio" and "added_us", and what they are made of
#include <algorithm>
#include <atomic>
#include <iostream>
#include <latch>
#include <semaphore>
#include <thread>

#include "bench/bench_main.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/rng.h"
#include "engine/names.h"
#include "engine/status.h"
#include "runtime/executor.h"
#include "runtime/open_plan.h"
#include "serving/scheduler.h"

namespace {

using namespace triage;

constexpr int kImages = 512;
constexpr int kAnyImageSide = 224;

struct Options {
  std::string plan, engine = engine::kAuto;
  int clients = 64, workers = 2, max_batch = 64, rounds = 5;
  double delay_ms = 2, batch_ms = 10, share = 0.3, seconds = 1;
};

struct Images {
  explicit Images(const plan::InputShape& shape) {
    const int height = shape.any_size() ? kAnyImageSide : shape.height;
    const int width = shape.any_size() ? kAnyImageSide : shape.width;
    const std::size_t size = static_cast<std::size_t>(height) * width * shape.channels;
    pixels.resize(kImages * size);
    Rng rng(1);
    for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(rng.next());
    for (int i = 0; i < kImages; ++i) views.push_back({&pixels[i * size], height, width, shape.channels});
  }
  std::vector<std::uint8_t> pixels;
  std::vector<ImageView> views;
};

// Exit by exit: the quantile of the scores of the images that come to it.
std::vector<double> thresholds_for(runtime::Executor& executor, const Images& images, double share) {
  std::vector<double> thresholds(executor.plan().stages.size() - 1, 1.0);
  std::vector<ImageView> here = images.views;
  for (std::size_t s = 0; s < thresholds.size() && !here.empty(); ++s) {
    executor.thresholds().set(thresholds);  // nobody goes beyond this exit
    std::vector<Outcome> outcomes(here.size());
    if (Status status = executor.classify(here, outcomes); !status) fail("{}", status.error().message);
    std::vector<float> scores;
    for (const Outcome& outcome : outcomes) scores.push_back(outcome.score);
    const auto at = scores.begin() + static_cast<std::ptrdiff_t>((1 - share) * static_cast<double>(scores.size() - 1));
    std::ranges::nth_element(scores, at);
    thresholds[s] = *at;
    std::vector<ImageView> next;
    for (std::size_t i = 0; i < here.size(); ++i)
      if (outcomes[i].score > thresholds[s]) next.push_back(here[i]);
    here = std::move(next);
  }
  return thresholds;
}

// Images a second of `threads` callers with batches of `batch` images.
double executor_rate(const runtime::Executor& executor, const Images& images, int threads, int batch, double seconds) {
  std::atomic<std::uint64_t> done = 0;
  const double start = steady_seconds();
  std::vector<std::thread> callers;
  for (int t = 0; t < threads; ++t) {
    callers.emplace_back([&, t] {
      std::vector<Outcome> outcomes(batch);
      for (std::size_t first = static_cast<std::size_t>(t) * batch; seconds_since(start) < seconds; first += batch) {
        const std::span all(images.views);
        if (Status status = executor.classify(all.subspan(first % (kImages - batch), batch), outcomes); !status) return;
        done += static_cast<std::uint64_t>(batch);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  return static_cast<double>(done) / seconds_since(start);
}

struct Measured {
  double rate = 0, mean_batch = 0, p50_us = 0, p99_us = 0;
};

// Images a second of clients that ask again when they are answered.
Measured scheduler_rate(serving::Scheduler& scheduler, const Images& images, int clients, double seconds) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> stop = false;
  std::vector<std::vector<double>> times(clients), batches(clients);
  std::latch ended(clients);
  std::function<void(int)> ask = [&](int client) {
    serving::Request request;
    request.images = {images.views[next.fetch_add(1) % kImages]};
    request.done = [&, client](const serving::Reply& reply) {
      if (stop || reply.error) {
        ended.count_down();
        return;
      }
      times[client].push_back(reply.total_us);
      for (const serving::StageVisit& visit : reply.answers[0].visits) batches[client].push_back(visit.batch);
      ask(client);
    };
    if (const auto submitted = scheduler.submit(std::move(request)); submitted.refused)
      fail("{}", submitted.refused->message);
  };
  const double start = steady_seconds();
  for (int c = 0; c < clients; ++c) ask(c);
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  ended.wait();
  const double spent = seconds_since(start);
  std::vector<double> all, sizes;
  for (int c = 0; c < clients; ++c) {
    all.insert(all.end(), times[c].begin(), times[c].end());
    sizes.insert(sizes.end(), batches[c].begin(), batches[c].end());
  }
  std::ranges::sort(all);
  const auto quantile = [&](double q) {
    return all[static_cast<std::size_t>(q * static_cast<double>(all.size() - 1))];
  };
  return {.rate = static_cast<double>(all.size()) / spent,
          .mean_batch = summarize(sizes).mean,
          .p50_us = quantile(0.5),
          .p99_us = quantile(0.99)};
}

// Median microseconds of one image, by a client that waits for each.
template <class Classify>
double median_us(const Images& images, double seconds, const Classify& classify) {
  std::vector<double> times;
  const double start = steady_seconds();
  for (std::size_t i = 0; seconds_since(start) < seconds; ++i) {
    const double begin = steady_seconds();
    classify(images.views[i % kImages]);
    times.push_back(1e6 * seconds_since(begin));
  }
  return summarize(times).median;
}

void measure(const Options& options) {
  runtime::OpenPlan open = runtime::open_plan(options.plan, {.engine = options.engine});
  const Images images(open.plan.input);
  runtime::Executor executor(std::move(open.plan), std::move(open.sessions));
  const std::vector<double> thresholds = thresholds_for(executor, images, options.share);
  executor.thresholds().set(thresholds);
  runtime::OpenPlan served = runtime::open_plan(options.plan, {.engine = options.engine});
  const auto workers = std::make_shared<serving::Workers>(options.workers);
  serving::Scheduler scheduler(
      std::make_shared<runtime::StageSet>(std::move(served.plan), std::move(served.sessions), thresholds), workers,
      {.max_batch = options.max_batch,
       .max_batch_time = options.batch_ms / 1e3,
       .max_queue_delay = options.delay_ms / 1e3});
  Json rounds = Json::array();
  for (int round = 0; round <= options.rounds; ++round) {  // the first one warms up
    const double alone = executor_rate(executor, images, options.workers, options.clients, options.seconds);
    const Measured many = scheduler_rate(scheduler, images, options.clients, options.seconds);
    const double direct = median_us(images, options.seconds / 4, [&](const ImageView& image) {
      Outcome outcome;
      if (Status status = executor.classify({&image, 1}, {&outcome, 1}); !status) fail("{}", status.error().message);
    });
    std::binary_semaphore answered(0);
    const double through = median_us(images, options.seconds / 4, [&](const ImageView& image) {
      serving::Request request;
      request.images = {image};
      request.done = [&](const serving::Reply&) { answered.release(); };
      if (const auto submitted = scheduler.submit(std::move(request)); submitted.refused)
        fail("{}", submitted.refused->message);
      answered.acquire();
    });
    if (round == 0) continue;
    rounds.push_back({{"throughput_ratio", many.rate / alone},
                      {"added_us", through - direct},
                      {"scheduler_per_s", many.rate},
                      {"executor_per_s", alone},
                      {"mean_batch", many.mean_batch},
                      {"p50_us", many.p50_us},
                      {"p99_us", many.p99_us},
                      {"direct_us", direct}});
  }
  scheduler.drain();
  std::cout << Json{{"rounds", rounds}}.dump(2) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"What the server's scheduler costs, without HTTP", "serving_bench"};
  Options options;
  app.add_option("PLAN", options.plan, "plan directory")->required();
  app.add_option("--engine", options.engine, "that runs the stages")->capture_default_str();
  app.add_option("--clients", options.clients, "each with one image under way")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--workers", options.workers, "threads")->check(CLI::Range(1, 64))->capture_default_str();
  app.add_option("--max-batch", options.max_batch, "images")->check(CLI::Range(1, 64))->capture_default_str();
  app.add_option("--delay-ms", options.delay_ms, "max_queue_delay")->check(CLI::Range(0.0, 1e4))->capture_default_str();
  app.add_option("--batch-ms", options.batch_ms, "max_batch_time")->check(CLI::Range(0.0, 1e6))->capture_default_str();
  app.add_option("--share", options.share, "sent on by each exit")->check(CLI::Range(0.0, 1.0))->capture_default_str();
  app.add_option("--rounds", options.rounds, "of each measurement")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--seconds", options.seconds, "of a measurement")
      ->check(CLI::Range(0.01, 600.0))
      ->capture_default_str();
  return triage::bench::bench_main(app, "serving_bench", argc, argv, [&](const std::string&) { measure(options); });
}
