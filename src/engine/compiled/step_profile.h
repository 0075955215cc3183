// StepProfile: how long each step of a program took, in every run, in the form of ONNX Runtime's profiles: what reads
// those (measure/stages/node_times.h) reads these.
#pragma once

#include <chrono>
#include <mutex>
#include <string>
#include <vector>

namespace triage::engine {

class StepProfile {
 public:
  StepProfile(std::string prefix, std::vector<std::string> names)
      : prefix_(std::move(prefix)), names_(std::move(names)) {}
  ~StepProfile();  // writes PREFIX_steps.json; says so on stderr where it cannot
  StepProfile(const StepProfile&) = delete;
  StepProfile& operator=(const StepProfile&) = delete;

  // One run at a time: others wait.
  class Run {
   public:
    explicit Run(StepProfile* profile);  // null: measures nothing
    void step_done();                    // the next step, in order
   private:
    StepProfile* profile_;
    std::unique_lock<std::mutex> lock_;
    std::chrono::steady_clock::time_point last_;
  };

 private:
  std::string prefix_;
  std::vector<std::string> names_;
  std::vector<float> us_;  // [runs, steps]
  std::mutex mutex_;
};

}  // namespace triage::engine
