// The step of a data parallel training on n machines, computed from what one machine measured: buckets of gradients are
// reduced in a ring, one after another, while the backward pass goes on (Li et al. 2020; the ring: Patarasuk, Yuan
// 2009).
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace triage::bench {

struct Link {
  double bytes_per_second = 0, latency = 0;  // of one direction; seconds of a message
};

struct MeasuredStep {         // seconds, of one rank alone
  double total = 0;           // mean
  double spread = 0;          // standard deviation from step to step
  std::vector<double> ready;  // since the step's begin: when the gradients of each bucket are whole
  std::vector<double> bytes;  // of each bucket
};

// 2 (n - 1) messages of 1 / n of the bucket each.
inline double ring_seconds(double bytes, int ranks, const Link& link) {
  const double messages = 2.0 * (ranks - 1);
  return messages * (link.latency + bytes / ranks / link.bytes_per_second);
}

// The largest of n draws of a standard normal distribution, its expected value by Blom's formula (1958).
inline double expected_largest(int n) {
  if (n < 2) return 0;
  const double p = (n - 0.375) / (n + 0.25);
  double low = -10, high = 10;  // the normal distribution's quantile, by bisection
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (std::erfc(-middle / std::sqrt(2.0)) / 2 < p ? low : high) = middle;
  }
  return low;
}

// Every rank waits for the slowest one. What is left of the step behind its last bucket (the optimiser) waits for the
// sums.
inline double simulated_step(const MeasuredStep& step, int ranks, const Link& link) {
  const double wait = step.spread * expected_largest(ranks);
  const double compute_end = step.ready.back() + wait;
  double sent = 0;
  for (std::size_t i = 0; i < step.bytes.size(); ++i)
    sent = std::max(sent, step.ready[i] + wait) + (ranks > 1 ? ring_seconds(step.bytes[i], ranks, link) : 0);
  return std::max(sent, compute_end) + (step.total - step.ready.back());
}

}  // namespace triage::bench
