// Runs a compiled stage for the tests, where another process must do it: testing_run_stage PROGRAM COUNT < images >
// outputs. Images and outputs are fp32 as session.h has them: all logits, then all features, then all carried maps.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "engine/compiled/compiled_session.h"

int main(int argc, char** argv) {
  using namespace triage;
  if (argc != 3) return 2;
  const auto session = engine::open_compiled(argv[1], {});
  if (!session) return std::fprintf(stderr, "%s\n", session.error().message.c_str()), 1;
  const engine::SessionInfo& shape = (*session)->info();
  const int count = std::atoi(argv[2]);
  const auto of_all = [&](int size) { return std::vector<float>(static_cast<std::size_t>(size) * count); };
  std::vector<float> images = of_all(shape.input_size), logits = of_all(shape.classes),
                     features = of_all(shape.feature_width), carry = of_all(shape.carry_size);
  const auto wanted = [](std::vector<float>& output) { return output.empty() ? nullptr : output.data(); };
  if (std::fread(images.data(), sizeof(float), images.size(), stdin) != images.size()) return 3;
  if (const auto done = (*session)->run(count, {images.data(), wanted(logits), wanted(features), wanted(carry)}); !done)
    return std::fprintf(stderr, "%s\n", done.error().message.c_str()), 1;
  for (const auto* output : {&logits, &features, &carry})
    if (std::fwrite(output->data(), sizeof(float), output->size(), stdout) != output->size()) return 3;
  return 0;
}
