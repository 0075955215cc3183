// The runtime: loads a plan directory and classifies images, each with as much network as it needs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "triage/decoder.h"
#include "triage/result.h"

namespace triage {

// Not owned. Pixels are 8 bit, interleaved rows: [height, width, channels], no padding; size and channels as the plan's
// input. A plan of any size takes 1 or 3 channels and up to 65535 pixels a side.
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

struct ClassProbability {
  int label = -1;
  float probability = 0;
};

// What a call writes besides outcomes, into buffers of the caller's, [images, ...] in the order of the images; empty:
// not wanted. Of the stage that an image left at.
struct Details {
  std::span<float> logits;          // [images, classes], as the stage's network gives them
  std::span<float> probabilities;   // [images, classes]: what the exit answered from, with its temperature
  std::span<ClassProbability> top;  // [images, k], k from 1 to classes: the likeliest; of equal ones the lower label
  // [images, stages - 1]: of each exit but the last that it passed or left at, its escalation score there; else -1.
  std::span<float> scores;
  bool wanted() const { return !logits.empty() || !probabilities.empty() || !top.empty() || !scores.empty(); }
};

struct ClassifierOptions {
  // "onnxruntime", or "compiled": the kernels that were compiled for the plan, code of its author that runs with all
  // rights of this process. "auto" chooses for each stage: "compiled" where the stage has it and this CPU can run it
  // (each kernel is run once in a child process, the first time on a CPU), else "onnxruntime".
  std::string engine = "auto";
  // Of the engine, per call, at most: see ClassifierInfo::threads. 0: as many as this process may use at a time, by its
  // affinity and the quota of its control groups.
  int threads = 1;
  bool allow_spinning = false;            // worker threads spin between calls: faster for big nets, burns a core
  std::vector<double> thresholds;         // empty: the plan's own; else one per exit but the last
  const ImageDecoder* decoder = nullptr;  // of encoded images: &image_decoder(), where triage::decoders is linked
  double max_megapixels = 64;             // of an encoded image, of 2^20 pixels
};

struct ClassifierInfo {
  std::string name, policy;
  std::string engine;       // that runs: "onnxruntime" or "compiled"; where stages differ "little: compiled, big: ..."
  std::string engine_note;  // why "auto" does not run kernels that the plan has; else empty
  int height = 0, width = 0, channels = 0;  // of images; height and width 0: of any size
  std::string
      fit;  // how photographs of another size become that: "squash", "crop" (the middle) or "pad" (black borders)
  std::vector<std::string> classes, stages;
  std::vector<int> threads;          // per stage, that the engine takes: "compiled" only those that make a stage faster
  std::string threads_note;          // of options.threads 0: how many they may be, and why ("2: affinity"); else empty
  std::vector<std::string> engines;  // per stage
};

// Since the classifier was loaded. Calls of other threads may be counted in parts.
struct ClassifierStatistics {
  std::uint64_t calls = 0, errors = 0;  // calls that answered, and those that returned an error
  std::uint64_t images = 0;             // answered
  std::uint64_t sent_on = 0;            // of them, beyond the first exit
  std::vector<std::uint64_t> exits;     // images by the exit they left at
  double microseconds = 0;              // wall time of the calls that answered, summed
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
  Result<Outcome> classify(const ImageView& image, const Details& details) const;

  // Any batch size; outcomes.size() must equal images.size(). Images that escalate are compacted between stages. All
  // images are checked before the first one runs; on an error the outcomes are unspecified.
  Status classify(std::span<const ImageView> images, std::span<Outcome> outcomes, const Details& details = {}) const;

  // The same of encoded images, with the answers of `triage predict` on their files. Needs ClassifierOptions::decoder,
  // else the error `unsupported`. They are decoded a few at a time (64 MB of pixels, or one image), in the calling
  // thread, which is part of Outcome::microseconds; an image that cannot be decoded is an error that names it, when its
  // turn comes.
  Result<Outcome> classify(const EncodedImage& image) const;
  Result<Outcome> classify(const EncodedImage& image, const Details& details) const;
  Status classify(std::span<const EncodedImage> images, std::span<Outcome> outcomes, const Details& details = {}) const;

  // Checked as at load. Calls that begin later see them; no call sees parts of two sets. Thread-safe; calls take no
  // lock for it.
  Status set_thresholds(std::span<const double> thresholds);
  std::vector<double> thresholds() const;

  ClassifierStatistics statistics() const;

  const ClassifierInfo& info() const;

 private:
  struct Impl;
  explicit Classifier(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

const char* version();  // of the runtime library

}  // namespace triage
