// Progress for a person, on stderr: a bar that redraws itself on a terminal, plain lines elsewhere. For programs, which
// own one and hand it to the work; no library makes one. Not thread-safe.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/context.h"

namespace triage {

class TerminalProgress : public ProgressSink {
 public:
  // quiet (--json): messages alone. fd: where it is written, past stderr's stream, which may let no escape sequences
  // through.
  explicit TerminalProgress(bool quiet = false, int fd = 2, Clock clock = steady_seconds);

  void start(const ProgressState& state) override;
  void update(const ProgressState& state) override;  // draws at most 10 times a second on a terminal, else every 10 s
  void finish(const ProgressState& state, bool done) override;
  void line(const std::string& text) override;  // a permanent line above the bar
  void message(const std::string& text) override;

 private:
  struct Times {
    double start, drawn;
  };
  void put(std::string_view text);
  void permanent(const std::string& text);

  bool quiet_, terminal_;
  int fd_;
  Clock clock_;
  std::map<const ProgressState*, Times> times_;  // of what is open
};

}  // namespace triage
