// Metrics in the text format of Prometheus, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Thread-safe; adding to a metric takes no lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace triage::serving {

class Counter {
 public:
  void add(double amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }  // amount >= 0
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Histogram {
 public:
  explicit Histogram(std::span<const double> bounds);  // of the buckets, ascending, without infinity
  void observe(double value);
  const std::vector<double>& bounds() const { return bounds_; }
  std::vector<std::uint64_t> counts() const;  // one per bucket and one above, not summed up
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<double> sum_{0};
};

using Labels = std::vector<std::pair<std::string, std::string>>;

// Asking for a metric twice, by name and labels, gives the same one; it lives as long as the registry, a gauge until it
// is removed. A name has one kind and one help text, a histogram one set of bounds: those it was first asked for with;
// another kind throws Error, as does a name or label that the format does not allow.
class MetricsRegistry {
 public:
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, std::span<const double> bounds,
                       const Labels& labels = {});

  // Of all gauges that have these labels, among others. Who holds one must not use it any more.
  void remove_gauges(const Labels& labels);

  std::string text() const;  // by name, then labels

 private:
  template <class Metric>
  struct Families {
    struct Family {
      std::string help;
      std::map<Labels, std::unique_ptr<Metric>> metrics;
    };
    std::map<std::string, Family> by_name;

    template <class... Args>
    Metric& get(const std::string& name, const std::string& help, const Labels& labels, const Args&... args);
    void write_to(std::map<std::string, std::string>& texts, const char* type) const;
  };

  void check(const std::string& name, const char* type, const Labels& labels);

  mutable std::mutex mutex_;
  std::map<std::string, std::string> types_;  // by name
  Families<Counter> counters_;
  Families<Gauge> gauges_;
  Families<Histogram> histograms_;
};

}  // namespace triage::serving
