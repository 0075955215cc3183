// Session: what runs one stage. Engines (engine.h) open it: onnxruntime/, compiled/, check/; fake/ is for tests.
// Tensors are dense float32. Images are [n, channels, height, width], values in [0, 1]; normalisation is part of the
// network. logits [n, classes]; features [n, feature_width]; carry [n, carry_size] is the map a feature stage reads.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "triage/result.h"

namespace triage::engine {

struct SessionInfo {
  int input_size = 0;  // elements per image of the input
  int classes = 0;
  int feature_width = 0;        // 0: the stage has no such output
  int carry_size = 0;           // 0: the stage has no such output
  std::string input_name;       // "image" or "carry_in"; empty where the session does not know (the fake)
  std::vector<int> input_dims;  // without the batch: [channels, height, width]; empty as above
};

enum class Memory : std::uint8_t { host };  // where a tensor's elements are

// A view, not owned: null where an output is not wanted.
template <class T>
struct Tensor {
  Tensor(T* elements = nullptr, Memory place = Memory::host) : data(elements), memory(place) {}
  explicit operator bool() const { return data != nullptr; }

  T* data;
  Memory memory;
};

struct StageTensors {  // sizes follow SessionInfo times n
  Tensor<const float> input;
  Tensor<float> logits, features, carry;
};

class Session {
 public:
  virtual ~Session() = default;
  virtual const SessionInfo& info() const = 0;
  // Thread-safe; blocks. n >= 1.
  virtual Status run(int n, const StageTensors& tensors) const = 0;
  virtual int threads() const { return 1; }  // that a run takes where it can have them
};

// What every session checks before it runs. Throws Failure (bad_input), naming `origin`: n below 1, no input or logits,
// an output wanted that the stage does not have.
void check_tensors(const SessionInfo& info, int n, const StageTensors& tensors, const std::string& origin);

}  // namespace triage::engine
