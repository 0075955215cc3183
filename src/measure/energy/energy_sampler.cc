#include "core/error.h"
#include "measure/energy/energy_sensors.h"

namespace triage::measure {
namespace {

constexpr TraceLimits kSensorLimits{.gap_seconds = 1, .max_watts = 1000};

}  // namespace

SampledPower::SampledPower(std::string name, std::string covers, std::function<double()> watts, double period_seconds,
                           Clock clock)
    : name_(std::move(name)),
      covers_(std::move(covers)),
      watts_(std::move(watts)),
      period_(period_seconds),
      clock_(std::move(clock)),
      trace_(name_, kSensorLimits) {
  watts_();
}

SampledPower::~SampledPower() { stop(); }

void SampledPower::sample() {
  const double before = clock_(), watts = watts_();
  trace_.add_power((before + clock_()) / 2, watts);  // a slow sensor tells of a moment in between
}

void SampledPower::sample_until_stopped() {
  std::unique_lock lock(mutex_);
  try {
    while (!wake_.wait_for(lock, std::chrono::duration<double>(period_), [this] { return stopping_; })) {
      lock.unlock();
      sample();
      lock.lock();
    }
  } catch (...) {
    error_ = std::current_exception();
  }
}

void SampledPower::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void SampledPower::begin() {
  if (!thread_.joinable()) {
    stopping_ = false;
    sample();
    thread_ = std::thread([this] { sample_until_stopped(); });
  }
  start_ = clock_();
}

void SampledPower::end() { windows_.emplace_back(start_, clock_()); }

std::vector<double> SampledPower::take_joules() {
  stop();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  if (!windows_.empty()) sample();
  std::vector<double> joules;
  for (const auto& [begin, end] : windows_) joules.push_back(trace_.joules(begin, end));
  windows_.clear();
  trace_ = EnergyTrace(name_, kSensorLimits);
  return joules;
}

}  // namespace triage::measure
