#include "compiler/schedule.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <format>

#include "core/error.h"

namespace triage::compiler {
namespace {

constexpr const char* kAlgorithms[] = {"direct", "winograd2", "winograd4", "automatic"};

}  // namespace

std::string Schedule::text() const {
  return std::format("{} {}x{}x{} unroll {} {} outside", kAlgorithms[static_cast<int>(algorithm)], vectors, columns,
                     rows, unroll, order == LoopOrder::channels_outside ? "channels" : "pixels");
}

Schedule Schedule::parse(std::string_view text) {
  Schedule schedule;
  char algorithm[16] = {}, order[16] = {};
  const std::string line(text);
  std::sscanf(line.c_str(), "%15s %dx%dx%d unroll %d %15s", algorithm, &schedule.vectors, &schedule.columns,
              &schedule.rows, &schedule.unroll, order);
  const auto* const found = std::ranges::find(kAlgorithms, std::string_view(algorithm));
  if (found != std::end(kAlgorithms)) schedule.algorithm = static_cast<Algorithm>(found - kAlgorithms);
  if (std::string_view(order) == "pixels") schedule.order = LoopOrder::pixels_outside;
  if (schedule.text() != text) fail("schedule '{}': expected \"direct 2x4x1 unroll 1 channels outside\"", text);
  return schedule;
}

bool allowed(const KernelKey& key, const Schedule& s) {
  if (s.vectors < 1 || s.columns < 1 || s.rows < 1 || s.unroll < 1) return false;
  if (s.vectors * kLanes > stored_channels(key.out_channels) || s.rows > key.rows) return false;
  if (key.pool && s.rows % 2 != 0) return false;
  if (s.algorithm == Algorithm::direct) return s.columns <= key.width;
  if (s.algorithm == Algorithm::automatic) return s == Schedule{.algorithm = s.algorithm, .rows = s.rows};
  const int tile = s.algorithm == Algorithm::winograd2 ? 2 : 4;
  return key.precision == plan::Precision::fp32 && s.rows == 1 && key.width % tile == 0 && key.rows % tile == 0 &&
         s.columns * tile <= key.width;
}

Schedule default_schedule(const KernelKey& key, const Target&) {
  return {.columns = std::min(4, key.width), .rows = key.pool ? 2 : 1};
}

std::vector<Schedule> all_schedules(const KernelKey& key, const Target& target) {
  std::vector<Schedule> all;
  const int per_vector = std::max(1, kLanes * 32 / target.register_bits);
  for (const Algorithm algorithm : {Algorithm::direct, Algorithm::winograd2, Algorithm::winograd4}) {
    for (const int vectors : {1, 2, 4}) {
      for (const int columns : {1, 2, 3, 4, 6, 8}) {
        for (const int rows : {1, 2, 4}) {
          if (vectors * columns * rows * per_vector > 2 * target.registers) continue;
          for (const int unroll : {1, 2, 4}) {
            for (const LoopOrder order : {LoopOrder::channels_outside, LoopOrder::pixels_outside}) {
              const Schedule schedule{algorithm, vectors, columns, rows, unroll, order};
              if (allowed(key, schedule)) all.push_back(schedule);
            }
          }
        }
      }
    }
  }
  return all;
}

std::vector<double> features(const KernelKey& key, const Schedule& s, const Target& target) {
  const double tile = s.vectors * s.columns * s.rows;
  const double used = tile * kLanes * 32 / target.register_bits / target.registers;
  const double columns = std::ceil(1.0 * key.width / s.columns) * s.columns / key.width;
  const double channels = std::ceil(1.0 * key.out_channels / (kLanes * s.vectors)) * kLanes * s.vectors;
  return {std::log(key.in_channels),
          std::log(key.out_channels),
          std::log(key.width),
          std::log(key.rows),
          1.0 * key.pool,
          1.0 * (key.precision == plan::Precision::int8),
          1.0 * (s.algorithm == Algorithm::direct),
          1.0 * (s.algorithm == Algorithm::winograd2),
          std::log(s.vectors),
          std::log(s.columns),
          std::log(s.rows),
          std::log(s.unroll),
          1.0 * (s.order == LoopOrder::channels_outside),
          1.0 / s.vectors + 1.0 / (s.columns * s.rows),
          used,
          std::max(0.0, used - 1),
          std::log(columns),
          std::log(channels / key.out_channels)};
}

}  // namespace triage::compiler
