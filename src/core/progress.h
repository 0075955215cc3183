// Progress on stderr: a bar that redraws itself on a terminal, plain lines elsewhere. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "core/system/stop.h"

namespace triage {

class Progress {
 public:
  // unit: what is counted ("images"); total 0 means unknown; first: the count work resumes at.
  Progress(std::string label, std::uint64_t total, std::string unit, std::uint64_t first = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // count is absolute; note is shown behind the rate ("loss 0.41  val 91.2 %"). Draws at most 10 times a second
  // on a terminal and every 10 s elsewhere.
  void update(std::uint64_t count, const std::string& note = {});
  void line(const std::string& text);  // a permanent line above the bar
  void finish(const std::string& note = {});
  double rate() const;  // units per second since construction

  static void set_quiet(bool quiet);  // --quiet and --json

 private:
  void draw(std::uint64_t count, const std::string& note, bool final);
  std::string label_, unit_;
  std::uint64_t total_, first_, count_ = 0;
  std::chrono::steady_clock::time_point start_, last_;
  bool terminal_, finished_ = false;
};

}  // namespace triage
