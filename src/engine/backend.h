// Backend: what runs one stage. Implementations: ONNX Runtime (onnx_backend.h), fake (fake_backend.h, tests).
// Buffers are dense float32. Images are [n, channels, height, width], values in [0, 1]; normalisation is part of the
// network. logits [n, classes]; features [n, feature_width]; carry [n, carry_size] is the map a feature stage reads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "triage/result.h"

namespace triage::engine {

struct StageShape {
  int input_size = 0;  // elements per image of the input
  int classes = 0;
  int feature_width = 0;        // 0: the stage has no such output
  int carry_size = 0;           // 0: the stage has no such output
  std::string input_name;       // "image" or "carry_in"; empty where the backend does not know (the fake)
  std::vector<int> input_dims;  // without the batch: [channels, height, width]; empty as above
};

struct StageBuffers {  // not owned; sizes follow StageShape times n; null where the output is not wanted
  const float* input = nullptr;
  float* logits = nullptr;
  float* features = nullptr;
  float* carry = nullptr;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual const StageShape& shape() const = 0;
  // Thread-safe; blocks. n >= 1.
  virtual Status run(int n, const StageBuffers& buffers) const = 0;
  virtual int threads() const { return 1; }  // that a run takes where it can have them
};

struct OnnxOptions {
  int threads = 1;
  bool allow_spinning = false;
  std::string provider = "cpu";  // cpu, xnnpack, dnnl
  std::string sha256;            // of the stage's file, for open_onnx; empty: not checked
  std::string profile;           // PREFIX of the engine's own PREFIX_<time>.json, written when the backend goes. Slower
};

// Loads a stage file. Outputs the runtime does not need (the portable "score") and the nodes behind them are cut off
// before the session is made. Names: inputs "image" or "carry_in"; outputs "logits", "features", "carry".
Result<std::unique_ptr<Backend>> open_onnx(const std::string& file, const OnnxOptions& options);
std::string onnx_runtime_version();
std::vector<std::string> onnx_providers();  // of OnnxOptions::provider, those that this build of ONNX Runtime has

}  // namespace triage::engine
