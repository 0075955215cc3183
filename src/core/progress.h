// Progress of one piece of work, as the work holds it. Where it is shown is the sink's matter (core/context.h).
#pragma once

#include <cstdint>
#include <string>

#include "core/context.h"

namespace triage {

class Progress {
 public:
  // unit: what is counted ("images"); total 0 means unknown; first: the count work resumes at.
  Progress(const Context& context, std::string label, std::uint64_t total, std::string unit, std::uint64_t first = 0);
  ~Progress();  // without finish(): given up
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::uint64_t count, const std::string& note = {});  // count is absolute
  void line(const std::string& text);
  void finish(const std::string& note = {});

 private:
  ProgressSink* sink_;  // null: nobody looks
  ProgressState state_;
  bool finished_ = false;
};

}  // namespace triage
