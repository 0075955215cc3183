// The runtime: loads a plan directory and classifies images, each with as much network as it needs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "triage/result.h"

namespace triage {

// Not owned. Pixels are 8 bit, interleaved rows: [height, width, channels], no padding; size and channels as the plan's
// input.
struct ImageView {
  const std::uint8_t* pixels = nullptr;
  int height = 0, width = 0, channels = 0;
};

struct Outcome {
  int label = -1;           // index into ClassifierInfo::classes
  float probability = 0;    // of that label, after the exit's temperature
  int exit = 0;             // index of the stage the image left at
  float score = 0;          // escalation score at that exit; 0 at the last
  double microseconds = 0;  // wall time; in a batch: the batch's time divided by its size
};

struct ClassifierOptions {
  // "onnxruntime", or "compiled": the kernels that were compiled for the plan, code of its author that runs with all
  // rights of this process. "auto" takes "compiled" where every stage has it and this CPU can run it: each kernel is
  // run once in a child process, the first time on a CPU.
  std::string engine = "auto";
  int threads = 1;                 // of the engine, per call, at most: see ClassifierInfo::threads
  bool allow_spinning = false;     // worker threads spin between calls: faster for big nets, burns a core
  std::vector<double> thresholds;  // empty: the plan's own; else one per exit but the last
};

struct ClassifierInfo {
  std::string name, policy;
  std::string engine;       // that runs: "onnxruntime" or "compiled"
  std::string engine_note;  // why "auto" does not run the kernels that the plan has; else empty
  int height = 0, width = 0, channels = 0;
  std::string
      fit;  // how photographs of another size become that: "squash", "crop" (the middle) or "pad" (black borders)
  std::vector<std::string> classes, stages;
  std::vector<int> threads;  // per stage, that the engine takes: "compiled" only those that make a stage faster
};

class Classifier {
 public:
  static Result<Classifier> load(const std::string& plan_directory, const ClassifierOptions& options = {});
  Classifier(Classifier&&) noexcept;
  Classifier& operator=(Classifier&&) noexcept;
  ~Classifier();

  // Thread-safe; blocks until done. In a child of fork() they answer as in its parent, but with the engine onnxruntime
  // and threads above 1 the error `unsupported`: load in the child. Heap memory of its own is allocated only when more
  // calls run at once than ever before, and for error messages (the engine may allocate).
  Result<Outcome> classify(const ImageView& image) const;

  // Any batch size; outcomes.size() must equal images.size(). Images that escalate are compacted between stages. All
  // images are checked before the first one runs; on an error the outcomes are unspecified.
  Status classify(std::span<const ImageView> images, std::span<Outcome> outcomes) const;

  const ClassifierInfo& info() const;

 private:
  struct Impl;
  explicit Classifier(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

const char* version();  // of the runtime library

}  // namespace triage
