#include <algorithm>
#include <chrono>

#include "codegen/build_library.h"
#include "codegen/machine_code.h"
#include "codegen/with_halide.h"
#include "compiler/kernel/pack.h"

namespace triage::codegen {

using namespace compiler;  // NOLINT(google-build-using-namespace): codegen is its Halide half

namespace {

constexpr std::size_t kMaxKept = 16;
constexpr int kWindows = 7;
constexpr double kWindowUs = 1000;

Halide::Buffer<> random_buffer(Halide::Type type, const std::vector<int>& sizes, Rng& rng) {
  Halide::Buffer<> buffer(type, sizes);
  const auto fill = [&]<class T>(T, int low, int high) {
    T* data = static_cast<T*>(buffer.data());
    for (std::size_t i = 0; i < buffer.number_of_elements(); ++i)
      data[i] = static_cast<T>(low + static_cast<int>(rng.below(static_cast<std::uint32_t>(high - low + 1))));
  };
  if (type == Halide::UInt(8)) fill(std::uint8_t{}, 0, 255);
  if (type == Halide::Int(8)) fill(std::int8_t{}, -127, 127);
  if (type == Halide::Int(16)) fill(std::int16_t{}, 0, 127);
  if (type == Halide::Int(32)) fill(std::int32_t{}, -1000, 1000);
  if (type == Halide::Float(32)) fill(float{}, -2, 2);
  return buffer;
}

}  // namespace

struct KernelTimer::Timed {
  KernelKey key;
  Schedule schedule;
  LoadedKernel kernel;
  Halide::Buffer<> map, weights, bias, multiplier, result;
  double us = 0;  // of a call, from the windows before

  Timed(const KernelKey& wanted, const Schedule& with, const Target& target)
      : key(wanted),
        schedule(with),
        kernel(conv_code(key, schedule, target), key.text() + " " + schedule.text(), target) {
    const DotTypes types = dot_types(key.precision, target);
    const std::vector<float> none(std::size_t{9} * key.in_channels * key.out_channels);
    const std::vector<std::int8_t> none8(none.size());
    const Packed packed = key.precision == plan::Precision::int8 ? packed_weights(key, schedule, target, none8)
                                                                 : packed_weights(key, schedule, target, none);
    std::vector<int> sizes;
    for (const engine::Dimension& dimension : packed.dimensions) sizes.push_back(dimension.extent);
    const KernelShare share = largest_share(key, schedule);
    const int step = key.pool ? 2 : 1, width = key.width / step, rows = share.rows / step;
    const int channels = written_channels(key.out_channels);
    Rng rng(1);
    const Halide::Type map_type = halide_type(types.map);
    map = random_buffer(map_type, {stored_channels(key.in_channels), key.width + 2, share.rows + 2}, rng);
    weights = random_buffer(halide_type(types.weight), sizes, rng);
    bias = random_buffer(halide_type(types.sum), {channels}, rng);
    multiplier = random_buffer(Halide::Float(32), {channels}, rng);
    result = Halide::Buffer<>(map_type, channels, width + 2, rows + 2);
    result.crop(0, 0, share.channels);
    result.crop(1, 0, width);
    result.crop(2, 0, rows);
  }

  void call() {
    const int error = key.precision == plan::Precision::int8 ? kernel(map, weights, bias, multiplier, result)
                                                             : kernel(map, weights, bias, result);
    if (error != 0) fail("kernel {}: found error {}, expected 0", key.text(), error);
  }

  double window() {
    using Clock = std::chrono::steady_clock;
    const int calls = us > 0 ? static_cast<int>(std::clamp(kWindowUs / us, 1.0, 1e5)) : 1;
    const auto start = Clock::now();
    for (int i = 0; i < calls; ++i) call();
    return us = std::chrono::duration<double, std::micro>(Clock::now() - start).count() / calls;
  }
};

KernelTimer::KernelTimer(Target target) : target_(std::move(target)) {}
KernelTimer::~KernelTimer() = default;

std::vector<double> KernelTimer::samples(const KernelKey& key, const Schedule& schedule) {
  const auto same = [&](const auto& timed) { return timed->key == key && timed->schedule == schedule; };
  auto found = std::ranges::find_if(kept_, same);
  if (found == kept_.end()) {
    if (kept_.size() == kMaxKept) kept_.erase(kept_.begin());
    kept_.push_back(with_halide(key.text() + " " + schedule.text(),
                                [&] { return std::make_unique<Timed>(key, schedule, target_); }));
    found = std::prev(kept_.end());
    for (int warm = 0; warm < 2; ++warm) (*found)->window();
  }
  std::vector<double> samples;
  for (int i = 0; i < kWindows; ++i) samples.push_back((*found)->window());
  return samples;
}

}  // namespace triage::codegen
