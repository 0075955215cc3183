#include "serving/metrics.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <functional>

#include "core/error.h"

namespace triage::serving {
namespace {

bool is_metric_name(const std::string& name, bool colons) {
  const auto begins = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colons && c == ':');
  };
  return !name.empty() && begins(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return begins(c) || (c >= '0' && c <= '9'); });
}

std::string escaped(const std::string& text, bool quotes) {
  std::string result;
  for (const char c : text) {
    if (c == '\\')
      result += "\\\\";
    else if (c == '\n')
      result += "\\n";
    else if (c == '"' && quotes)
      result += "\\\"";
    else
      result += c;
  }
  return result;
}

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return std::format("{}", value);
}

// {a="b",c="d"}; more: behind them.
std::string label_text(const Labels& labels, const std::string& more = {}) {
  std::string text;
  for (const auto& [name, value] : labels)
    text += std::format("{}{}=\"{}\"", text.empty() ? "" : ",", name, escaped(value, true));
  if (!more.empty()) text += (text.empty() ? "" : ",") + more;
  return text.empty() ? "" : "{" + text + "}";
}

void write(std::string& text, const std::string& name, const Labels& labels, const Counter& counter) {
  text += std::format("{}{} {}\n", name, label_text(labels), number(counter.value()));
}

void write(std::string& text, const std::string& name, const Labels& labels, const Gauge& gauge) {
  text += std::format("{}{} {}\n", name, label_text(labels), number(gauge.value()));
}

void write(std::string& text, const std::string& name, const Labels& labels, const Histogram& histogram) {
  const std::vector<std::uint64_t> counts = histogram.counts();
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    sum += counts[i];
    const std::string bound = i < histogram.bounds().size() ? number(histogram.bounds()[i]) : "+Inf";
    text += std::format("{}_bucket{} {}\n", name, label_text(labels, std::format("le=\"{}\"", bound)), sum);
  }
  text += std::format("{}_sum{} {}\n", name, label_text(labels), number(histogram.sum()));
  text += std::format("{}_count{} {}\n", name, label_text(labels), sum);
}

}  // namespace

Histogram::Histogram(std::span<const double> bounds)
    : bounds_(bounds.begin(), bounds.end()),
      counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {
  if (std::ranges::adjacent_find(bounds_, std::greater_equal()) != bounds_.end())
    fail("histogram: expected ascending bounds");
}

void Histogram::observe(double value) {
  const auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();  // the first bound that is not below
  counts_[bucket].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

std::vector<std::uint64_t> Histogram::counts() const {
  std::vector<std::uint64_t> counts(bounds_.size() + 1);
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = counts_[i].load(std::memory_order_relaxed);
  return counts;
}

template <class Metric>
template <class... Args>
Metric& MetricsRegistry::Families<Metric>::get(const std::string& name, const std::string& help, const Labels& labels,
                                               const Args&... args) {
  Family& family = by_name.try_emplace(name, Family{.help = help, .metrics = {}}).first->second;
  std::unique_ptr<Metric>& metric = family.metrics[labels];
  if (!metric) metric = std::make_unique<Metric>(args...);
  return *metric;
}

template <class Metric>
void MetricsRegistry::Families<Metric>::write_to(std::map<std::string, std::string>& texts, const char* type) const {
  for (const auto& [name, family] : by_name) {
    std::string& text = texts[name];
    text = std::format("# HELP {} {}\n# TYPE {} {}\n", name, escaped(family.help, false), name, type);
    for (const auto& [labels, metric] : family.metrics) write(text, name, labels, *metric);
  }
}

void MetricsRegistry::check(const std::string& name, const char* type, const Labels& labels) {
  if (!is_metric_name(name, true)) fail("metric '{}': expected a name of letters, digits, '_' and ':'", name);
  for (const auto& [label, value] : labels) {
    if (!is_metric_name(label, false) || label.starts_with("__") || label == "le")
      fail("metric '{}': label '{}': expected letters, digits and '_'", name, label);
  }
  const std::string& known = types_.try_emplace(name, type).first->second;
  if (known != type) fail("metric '{}': found a {}, expected a {}, which it is already", name, type, known);
}

Counter& MetricsRegistry::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  check(name, "counter", labels);
  return counters_.get(name, help, labels);
}

Gauge& MetricsRegistry::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  check(name, "gauge", labels);
  return gauges_.get(name, help, labels);
}

Histogram& MetricsRegistry::histogram(const std::string& name, const std::string& help, std::span<const double> bounds,
                                      const Labels& labels) {
  const std::lock_guard lock(mutex_);
  check(name, "histogram", labels);
  return histograms_.get(name, help, labels, bounds);
}

void MetricsRegistry::remove_gauges(const Labels& labels) {
  const std::lock_guard lock(mutex_);
  for (auto& [name, family] : gauges_.by_name) {
    std::erase_if(family.metrics, [&](const auto& one) {
      return std::ranges::all_of(
          labels, [&](const auto& label) { return std::ranges::find(one.first, label) != one.first.end(); });
    });
  }
}

std::string MetricsRegistry::text() const {
  std::map<std::string, std::string> texts;  // by name
  {
    const std::lock_guard lock(mutex_);
    counters_.write_to(texts, "counter");
    gauges_.write_to(texts, "gauge");
    histograms_.write_to(texts, "histogram");
  }
  std::string all;
  for (const auto& [name, text] : texts) all += text;
  return all;
}

}  // namespace triage::serving
