// A queue in front of one worker, in simulated time: what a controller does to requests that come when they come. For
// tests and for the bench's oracle; the same seed gives the same run to the bit.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "core/rng.h"
#include "triage/controller.h"

namespace triage::runtime {

struct LoadStep {  // Poisson arrivals at one rate
  double seconds = 0, per_second = 0;
};

inline std::vector<double> poisson_arrivals(std::span<const LoadStep> steps, std::uint64_t seed) {
  std::vector<double> arrivals;
  Rng rng(derive_seed(seed, "arrivals"));
  double begin = 0;
  for (const LoadStep& step : steps) {
    const double end = begin + step.seconds;
    for (double at = begin; step.per_second > 0;) {
      at -= std::log(1 - rng.uniform()) / step.per_second;
      if (at >= end) break;
      arrivals.push_back(at);
    }
    begin = end;
  }
  return arrivals;
}

struct SimulatedAnswer {
  double arrived = 0, begun = 0, response_us = 0;
  std::size_t point = 0;  // in force when it began
  std::size_t exit = 0;
  bool given_up = false;  // it had waited for too long and was not run
};

// What decides where an image leaves, in [0, 1).
using Draw = std::function<double()>;
inline Draw random_draws(std::uint64_t seed) {
  return [rng = Rng(derive_seed(seed, "exits"))]() mutable { return rng.uniform(); };
}
inline Draw even_draws() {  // multiples of the golden ratio: every stretch of images has its share of each exit
  return [at = 0.0]() mutable { return at = std::fmod(at + 0.6180339887498949, 1.0); };
}

// point_at(now, waiting, oldest_wait_us): index of the curve's point for the image that begins now, itself among the
// waiting. answered(exit, work_us): after each. slowdown: what work takes over path_us, by time.
struct SimulatedServer {
  std::function<std::size_t(double now, std::size_t waiting, double oldest_wait_us)> point_at;
  std::function<void(double now)> arrived = [](double) {};
  std::function<void(std::size_t exit, double work_us)> answered = [](std::size_t, double) {};
  std::function<double(double now)> slowdown = [](double) { return 1.0; };
  double give_up_us = std::numeric_limits<double>::infinity();  // who waited for longer is not run
};

inline std::vector<SimulatedAnswer> simulate_queue(const PlanCurve& curve, std::span<const double> arrivals,
                                                   const Draw& next_draw, const SimulatedServer& server) {
  std::vector<SimulatedAnswer> answers;
  std::size_t come = 0;
  double free = 0;
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    const double begun = std::max(free, arrivals[i]);
    for (; come < arrivals.size() && arrivals[come] <= begun; ++come) server.arrived(arrivals[come]);
    if (const double waited_us = 1e6 * (begun - arrivals[i]); waited_us > server.give_up_us) {
      answers.push_back({.arrived = arrivals[i], .begun = begun, .response_us = waited_us, .given_up = true});
      continue;
    }
    const std::size_t point = server.point_at(begun, come - i, 1e6 * (begun - arrivals[i]));
    const std::vector<double>& shares = curve.points[point].exit_share;
    std::size_t exit = 0;
    for (double draw = next_draw(); exit + 1 < shares.size() && draw >= shares[exit]; ++exit) draw -= shares[exit];
    const double work_us = curve.path_us[exit] * server.slowdown(begun);
    server.answered(exit, work_us);
    free = begun + 1e-6 * work_us;
    answers.push_back({.arrived = arrivals[i],
                       .begun = begun,
                       .response_us = 1e6 * (free - arrivals[i]),
                       .point = point,
                       .exit = exit});
  }
  return answers;
}

// What a server that asks the controller before each image does.
inline std::vector<SimulatedAnswer> simulate_controlled(
    Controller& controller, std::span<const double> arrivals, const Draw& next_draw,
    std::function<double(double now)> slowdown = [](double) { return 1.0; }) {
  return simulate_queue(
      controller.curve(), arrivals, next_draw,
      {.point_at =
           [&](double now, std::size_t waiting, double oldest_wait_us) {
             return controller
                 .decide({.seconds = now, .waiting = static_cast<double>(waiting), .oldest_wait_us = oldest_wait_us})
                 .index;
           },
       .arrived = [&](double now) { controller.arrived(now); },
       .answered = [&](std::size_t exit,
                       double work_us) { controller.served(controller.curve().path_us[exit], work_us); },
       .slowdown = std::move(slowdown)});
}

}  // namespace triage::runtime
