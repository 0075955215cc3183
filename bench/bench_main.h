// What main() of a bench does besides measuring: exit codes, the command that a figure of record names, --record.
#pragma once

#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "core/statistics/statistics.h"
#include "core/system/machine.h"

namespace triage::bench {

// 1 and "NAME: what happened" on stderr for what `body` throws, else what it returns.
template <class Body>
int guarded(const std::string& name, const Body& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), error.what());
    return 1;
  }
}

// Parses the options of `app`, then calls run(command): the bench as it was called.
template <class Run>
int bench_main(CLI::App& app, const std::string& name, int argc, char** argv, const Run& run) {
  CLI11_PARSE(app, argc, argv);
  std::string command = name;
  for (int i = 1; i < argc; ++i) command += std::string(" ") + argv[i];
  return guarded(name, [&] { return run(command), 0; });
}

// Prints the table and keeps a counter's values, one a repetition: of the benchmark whose median is largest.
class CounterKeeper : public benchmark::ConsoleReporter {
 public:
  explicit CounterKeeper(std::string counter) : counter_(std::move(counter)) {}
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    std::vector<double> samples;
    for (const Run& run : runs) {
      const auto found = run.counters.find(counter_);
      if (run.run_type == Run::RT_Iteration && found != run.counters.end()) samples.push_back(found->second.value);
    }
    if (samples.empty() || (!values_.empty() && summarize(samples).median < summarize(values_).median)) return;
    values_ = samples;
  }
  const std::vector<double>& values() const { return values_; }

 private:
  std::string counter_;
  std::vector<double> values_;
};

// A figure that is one counter of google-benchmark's benchmarks, times `scale`; `note` is printed behind it.
struct CounterFigure {
  std::string key, counter, unit;
  double scale = 1;
  std::string note;
};
inline int counter_main(const std::string& name, const CounterFigure& figure, int argc, char** argv) {
  std::string record;
  for (int i = 1; i + 1 < argc; ++i) {
    if (std::string_view(argv[i]) != "--record") continue;
    record = argv[i + 1];
    std::rotate(argv + i, argv + i + 2, argv + argc);
    argc -= 2;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  CounterKeeper keeper(figure.counter);
  benchmark::RunSpecifiedBenchmarks(&keeper);
  return guarded(name, [&] {
    std::vector<double> values = keeper.values();
    for (double& value : values) value *= figure.scale;
    const Summary summary = summarize(values);
    std::printf("%s %.4g [%.4g, %.4g] %s\n", figure.key.c_str(), summary.median, summary.min, summary.max,
                figure.note.c_str());
    if (record.empty()) return 0;
    record_figures(record, name + " --record " + record,
                   {{figure.key,
                     {.value = summary.median,
                      .unit = figure.unit,
                      .interval = Interval{summary.min, summary.max},
                      .n = static_cast<int>(summary.count)}}});
    return 0;
  });
}

}  // namespace triage::bench
