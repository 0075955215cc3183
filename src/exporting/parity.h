// Parity: two engines run side by side over the same images, and every output is compared element by element with
// |candidate - reference| <= absolute + relative * |reference|. LibTorch, ONNX Runtime and later engines (compiled
// kernels, int8) are held together by it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "engine/session.h"

namespace triage::exporting {

// Output name -> dense row-major values, [n, width]; the width follows from the size.
using NamedOutputs = std::map<std::string, std::vector<float>>;

// images: [n, input_size] float32, n >= 1. Throws Error when it cannot run.
struct Engine {
  std::string name;
  std::function<NamedOutputs(std::span<const float> images, int n)> run;
};

struct ParityOptions {
  double absolute = 1e-4, relative = 1e-4;
  int batch = 64;                    // images per run; the last run may be smaller
  std::vector<std::string> outputs;  // what to compare; empty: every output of the reference
};

struct OutputParity {
  std::string output;
  std::size_t width = 0;     // elements per image
  double max_absolute = 0;   // largest |candidate - reference|
  double max_relative = 0;   // largest of that divided by |reference|, where |reference| > absolute tolerance
  std::size_t failures = 0;  // elements outside the tolerance, or not finite in one engine alone
  std::size_t worst_image = 0, worst_element = 0;  // furthest outside, or nearest to the border
  double expected = 0, found = 0;                  // there: reference, candidate
  std::size_t argmax_disagreements = 0;            // images; 0 where width is 1
};

struct Parity {
  std::string reference, candidate;  // engine names
  std::size_t images = 0;
  ParityOptions options;
  std::vector<OutputParity> outputs;
  bool ok() const;
  std::string text() const;  // one line per output: what was found, expected and where
};
Json to_json(const Parity& parity);

// images: [count, input_size]. Throws Error naming engine and output when one is missing or of another size.
Parity check_parity(const Engine& reference, const Engine& candidate, std::span<const float> images, std::size_t count,
                    const ParityOptions& options = {});

// Throws Error with text() unless ok().
void require_parity(const Parity& parity);

// Engines one after the other, each from the map "carry" that the one before gives; visit sees the outputs of each.
void run_chain(std::span<const Engine> chain, std::span<const float> images, int n,
               const std::function<void(std::size_t engine, const NamedOutputs& outputs)>& visit);
Engine chained(const std::string& name, std::vector<Engine> chain);  // gives the last one's outputs

// A stage session of the runtime: logits, and features and carry where the stage has them.
Engine session_engine(const std::string& name, std::shared_ptr<const engine::Session> session);

}  // namespace triage::exporting
