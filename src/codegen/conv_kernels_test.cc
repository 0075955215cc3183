// Convolution kernels, compiled for this CPU and called, against loops that follow the definition: all algorithms, maps
// whose sizes fit nothing, pools, rows shared out, and every way in which int8 products are summed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "codegen/codegen_test_support.h"
#include "codegen/kernel_code.h"
#include "codegen/machine_code.h"
#include "compiler/kernel/pack.h"
#include "core/rng.h"
#include "engine/compiled/program_workspace.h"

namespace triage::codegen {
namespace {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

int random_from(Rng& rng, int low, int high) { return low + static_cast<int>(rng.below(high - low + 1)); }

// Values of any element type as floats, which hold all that stand here.
struct Values {
  engine::ElementType type;
  std::size_t count;
  engine::AlignedMemory memory;

  Values(engine::ElementType of, std::size_t size) : type(of), count(size), memory(size * size_of(of)) {}
  template <class Action>
  void visit(std::size_t i, const Action& action) {
    const auto as = [&]<class T>(T value) {
      std::memcpy(&value, memory.data() + i * sizeof(T), sizeof(T));
      action(value);
      std::memcpy(memory.data() + i * sizeof(T), &value, sizeof(T));
    };
    switch (type) {
      case engine::ElementType::u8:
        return as(std::uint8_t{});
      case engine::ElementType::i8:
        return as(std::int8_t{});
      case engine::ElementType::i16:
        return as(std::int16_t{});
      case engine::ElementType::i32:
        return as(std::int32_t{});
      case engine::ElementType::f32:
        return as(float{});
    }
  }
  void set(std::size_t i, float to) {
    visit(i, [&]<class T>(T& value) { value = static_cast<T>(to); });
  }
  float get(std::size_t i) {
    float found = 0;
    visit(i, [&](auto& value) { found = static_cast<float>(value); });
    return found;
  }
};

// One convolution with random numbers: what the kernel reads, and what it must write.
class ConvCase {
 public:
  ConvCase(const KernelKey& key, const Schedule& schedule, const Target& target, Rng& rng)
      : key_(key),
        schedule_(schedule),
        types_(dot_types(key.precision, target)),
        step_(key.pool ? 2 : 1),
        stored_in_(stored_channels(key.in_channels)),
        stored_out_(written_channels(key.out_channels)),
        width_(key.width / step_),
        height_(key.height / step_),
        zero_(int8() ? random_from(rng, 0, 255) : 0),
        map_(types_.map, static_cast<std::size_t>(key.height + 2) * (key.width + 2) * stored_in_),
        result_(types_.map, static_cast<std::size_t>(height_ + 2) * (width_ + 2) * stored_out_),
        weight_(std::size_t{9} * key.in_channels * key.out_channels),
        bias_(key.out_channels),
        multiplier_(engine::ElementType::f32, stored_out_) {
    for (auto& value : weight_)
      value = int8() ? static_cast<float>(random_from(rng, -127, 127)) : static_cast<float>(rng.normal());
    for (auto& value : bias_)
      value = int8() ? static_cast<float>(random_from(rng, -9000, 9000)) : static_cast<float>(rng.normal());
    for (int c = 0; c < stored_out_; ++c)
      multiplier_.set(c, static_cast<float>(0.01 * (1 + rng.uniform()) / std::sqrt(9.0 * key.in_channels)));
    fill_map(rng);
    for (std::size_t i = 0; i < result_.count; ++i) result_.set(i, kUntouched);
    pack(target);
  }

  // In calls of so much of the shared dimension each, the rest with the last.
  void run(const Target& target, int share) {
    const LoadedKernel kernel(conv_code(key_, schedule_, target), key_.text(), target);
    const bool channels = schedule_.share == Share::channels;
    const int whole = channels ? stored_out_ : height_, unit = channels ? share : std::max(share / step_, 1);
    for (int begin = 0; begin < whole;) {
      const int end = whole - begin < 2 * unit ? whole : begin + unit;
      call(kernel, begin, end);
      begin = end;
    }
  }

  void expect_definition() {
    const double tolerance = schedule_.algorithm == Algorithm::direct ? 1e-4 : 2e-3;
    for (int y = -1; y <= height_; ++y)
      for (int x = -1; x <= width_; ++x)
        for (int c = 0; c < stored_out_; ++c) {
          const bool inside = y >= 0 && y < height_ && x >= 0 && x < width_;
          const double found = result_.get((static_cast<std::size_t>(y + 1) * (width_ + 2) + x + 1) * stored_out_ + c);
          const double expected = !inside ? kUntouched : c < key_.out_channels ? output(c, x, y) : types_.offset;
          const double most = int8() ? 0 : tolerance * (std::sqrt(9.0 * key_.in_channels) + std::abs(expected));
          ASSERT_NEAR(found, expected, most) << key_.text() << ", " << schedule_.text() << ", group " << types_.group
                                             << ": channel " << c << " at " << x << ", " << y;
        }
  }

 private:
  static constexpr float kUntouched = 77;

  bool int8() const { return key_.precision == plan::Precision::int8; }

  // The border is the zero point; channels that do not exist hold anything.
  void fill_map(Rng& rng) {
    for (int y = 0; y < key_.height + 2; ++y)
      for (int x = 0; x < key_.width + 2; ++x)
        for (int c = 0; c < stored_in_; ++c) {
          const bool inside = y > 0 && y <= key_.height && x > 0 && x <= key_.width;
          const float value = int8() ? static_cast<float>(random_from(rng, 0, 255)) : static_cast<float>(rng.normal());
          map_.set(map_at(c, x, y), inside ? value + types_.offset : static_cast<float>(zero_ + types_.offset));
        }
  }
  std::size_t map_at(int c, int x, int y) const {
    return (static_cast<std::size_t>(y) * (key_.width + 2) + x) * stored_in_ + c;
  }

  void pack(const Target& target) {
    if (!int8()) {
      weights_ = packed_weights(key_, schedule_, target, weight_);
      biases_ = packed_vector(bias_, stored_out_);
      return;
    }
    const std::vector<std::int8_t> weight(weight_.begin(), weight_.end());
    const std::vector<std::int32_t> bias(bias_.begin(), bias_.end());
    weights_ = packed_weights(key_, schedule_, target, weight);
    biases_ = packed_vector(shifted_bias(key_, target, weight, bias, zero_), stored_out_);
  }

  static Halide::Buffer<> view(const Packed& packed) {
    std::vector<int> sizes;
    for (const engine::Dimension& dimension : packed.dimensions) sizes.push_back(dimension.extent);
    Halide::Buffer<> buffer(halide_type(packed.type), sizes);
    std::memcpy(buffer.data(), packed.bytes.data(), packed.bytes.size());
    return buffer;
  }

  void call(const LoadedKernel& kernel, int begin, int end) {
    const Halide::Type type = halide_type(types_.map);
    Halide::Buffer<> map(type, map_.memory.data(), stored_in_, key_.width + 2, key_.height + 2);
    Halide::Buffer<> result(type, result_.memory.data(), stored_out_, width_ + 2, height_ + 2);
    result.translate({0, -1, -1});
    result.crop(1, 0, width_);
    result.crop(2, 0, height_);
    result.crop(schedule_.share == Share::channels ? 0 : 2, begin, end - begin);
    Halide::Buffer<> weights = view(weights_), biases = view(biases_);
    Halide::Buffer<> multiplier(Halide::Float(32), multiplier_.memory.data(), stored_out_);
    ASSERT_EQ(int8() ? kernel(map, weights, biases, multiplier, result) : kernel(map, weights, biases, result), 0);
  }

  double sum(int c, int x, int y) {
    double sum = bias_[c];
    for (int in = 0; in < key_.in_channels; ++in)
      for (int tap = 0; tap < 9; ++tap)
        sum += weight_[(static_cast<std::size_t>(c) * key_.in_channels + in) * 9 + tap] *
               (map_.get(map_at(in, x + tap % 3, y + tap / 3)) - static_cast<float>(types_.offset) - zero_);
    return sum;
  }
  double output(int c, int x, int y) {
    double value = sum(c, x * step_, y * step_);
    if (key_.pool)
      for (int i = 1; i < 4; ++i) value = std::max(value, sum(c, 2 * x + i % 2, 2 * y + i / 2));
    if (!int8()) return std::max(value, 0.0);
    return std::nearbyint(std::clamp(static_cast<float>(value) * multiplier_.get(c), 0.0f, 255.0f)) + types_.offset;
  }

  KernelKey key_;
  Schedule schedule_;
  DotTypes types_;
  int step_, stored_in_, stored_out_, width_, height_, zero_;
  Values map_, result_;
  std::vector<float> weight_, bias_;
  Values multiplier_;
  Packed weights_, biases_;
};

KernelKey odd_key(Rng& rng, plan::Precision precision) {
  constexpr int kChannels[] = {1, 3, 4, 5, 9, 16, 17, 20, 33};
  KernelKey key{.precision = precision,
                .in_channels = kChannels[rng.below(9)],
                .out_channels = kChannels[rng.below(9)],
                .height = random_from(rng, 1, 13),
                .width = random_from(rng, 1, 13)};
  key.pool = key.height > 1 && key.width > 1 && rng.below(2) == 0;
  key.threads = random_from(rng, 1, 3);
  return key;
}

constexpr int kWhole = 4096;  // in one call

void check(const KernelKey& key, const Schedule& schedule, const Target& target, Rng& rng) {
  ConvCase one(key, schedule, target, rng);
  one.run(target, rng.below(2) == 0 ? kWhole : unit_of_share(key, schedule));
  one.expect_definition();
}

void check_direct(plan::Precision precision, const Target& target, int rounds) {
  Rng rng(derive_seed(static_cast<std::uint64_t>(target.dot), target.text(), rounds));
  for (int round = 0; round < rounds; ++round) {
    const KernelKey key = odd_key(rng, precision);
    std::vector<Schedule> all = all_schedules(key, target);
    std::erase_if(all, [](const Schedule& schedule) { return schedule.algorithm != Algorithm::direct; });
    check(key, all.empty() ? default_schedule(key, target) : all[rng.below(static_cast<std::uint32_t>(all.size()))],
          target, rng);
  }
}

TEST(ConvKernels, DirectInFp32) {
  for (const Target& target : targets_and_dots_here()) check_direct(plan::Precision::fp32, target, 8);
}
TEST(ConvKernels, DirectInInt8) {
  for (const Target& target : targets_and_dots_here()) check_direct(plan::Precision::int8, target, 8);
}

TEST(ConvKernels, Winograd) {
  Rng rng(2);
  int tried = 0;
  for (const auto algorithm : {Algorithm::winograd2, Algorithm::winograd4})
    for (int round = 0; round < 4; ++round) {
      const int side = algorithm == Algorithm::winograd2 ? 2 : 4;
      KernelKey key{.in_channels = random_from(rng, 16, 35),
                    .out_channels = random_from(rng, 1, 40),
                    .height = side * random_from(rng, 1, 4),
                    .width = side * random_from(rng, 1, 4),
                    .pool = round % 2 == 1};
      key.threads = 1 + round / 2;
      std::vector<Schedule> all = all_schedules(key, this_cpu());
      std::erase_if(all, [&](const Schedule& schedule) { return schedule.algorithm != algorithm; });
      if (all.empty()) continue;
      check(key, all[rng.below(static_cast<std::uint32_t>(all.size()))], this_cpu(), rng);
      ++tried;
    }
  EXPECT_GE(tried, 6);
}

TEST(ConvKernels, Automatic) {
  Rng rng(3);
  for (const char* text : {"fp32 16->20 6x10", "int8 17->16 7x9 pool", "int8 3->33 8x8"})
    check(KernelKey::parse(text), {.algorithm = Algorithm::automatic}, this_cpu(), rng);
}

TEST(ConvKernels, WhatDoesNotFitIsRefused) {
  const auto key = KernelKey::parse("fp32 16->16 5x5");
  EXPECT_THROW(conv_code(key, {.algorithm = Algorithm::winograd2}, this_cpu()), Error);
  EXPECT_THROW(conv_code(key, {.columns = 6}, this_cpu()), Error);
}

}  // namespace
}  // namespace triage::codegen
