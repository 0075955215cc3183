// A program of the kernels in testing_kernels.cc, and what it computes as plain loops.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "engine/compiled/stage_program.h"
#include "engine/compiled/stage_program_file.h"

namespace triage::engine {

inline View line(View::Memory memory, int extent, int min = 0, std::size_t first = 0, int map = 0) {
  return {.memory = memory, .map = map, .offset = first * sizeof(float), .dimensions = {{min, extent, 1}}};
}

// The bytes of a program's file as another version's writer would have left them.
inline std::string program_bytes_of_version(const StageProgram& program, int version) {
  const std::string field = "\"version\":";
  std::string bytes = program_bytes(program);
  bytes.resize(bytes.size() - kProgramHashBytes);
  bytes.replace(bytes.find(field) + field.size(), std::to_string(kProgramVersion).size(), std::to_string(version));
  return bytes + sha256_hex(bytes);
}

// Of n elements: carry = 3 * image; map 0 = that with a border of `border`; features = sums of three neighbours in it;
// logits = features + the constants 0, 1, 2, ...
struct TestProgram {
  int n = 12, threads_unit = 1;
  float border = 5;
  std::vector<int> dims = {3, 2, 2};

  StageProgram program(const fs::path& library) const {
    using enum View::Memory;
#if defined(__aarch64__)
    const char* const architecture = "aarch64";
#else
    const char* const architecture = "x86_64";
#endif
    StageProgram made{.architecture = architecture,
                      .library = library.filename().string(),
                      .library_sha256 = sha256_file(library),
                      .precision = "fp32",
                      .shape = {n, n, n, n, "image", dims},
                      .kernels = {"scale", "box", "add"},
                      .maps = {{static_cast<std::size_t>(n) + 2, ElementType::f32, border}}};
    std::vector<float> numbers{3};
    for (int i = 0; i < n; ++i) numbers.push_back(static_cast<float>(i));
    made.constants.resize(numbers.size() * sizeof(float));
    std::memcpy(made.constants.data(), numbers.data(), made.constants.size());
    const View factor = line(constants, 1), image = line(input, n);
    const auto step = [&](int kernel, std::vector<View> arguments) {
      return Step{.kernel = kernel, .arguments = std::move(arguments), .split = 0, .split_unit = threads_unit};
    };
    made.steps = {step(0, {image, factor, line(map, n, 0, 1)}), step(0, {image, factor, line(carry, n)}),
                  step(1, {line(map, n + 2, -1), line(features, n)}),
                  step(2, {line(features, n), line(constants, n, 0, 1), line(logits, n)})};
    return made;
  }

  std::vector<float> expected_carry(std::span<const float> image) const {
    std::vector<float> result(image.begin(), image.end());
    for (float& value : result) value *= 3;
    return result;
  }
  std::vector<float> expected_features(std::span<const float> image) const {
    std::vector<float> map = expected_carry(image), result;
    map.insert(map.begin(), border);
    map.push_back(border);
    for (std::size_t i = 1; i + 1 < map.size(); ++i) result.push_back(map[i - 1] + map[i] + map[i + 1]);
    return result;
  }
  std::vector<float> expected_logits(std::span<const float> image) const {
    std::vector<float> result = expected_features(image);
    for (std::size_t i = 0; i < result.size(); ++i) result[i] += static_cast<float>(i);
    return result;
  }
};

}  // namespace triage::engine
