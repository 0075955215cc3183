#include "compiler/kernel/schedule.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

#include "core/error.h"
#include "engine/compiled/program_workspace.h"

namespace triage::compiler {
namespace {

constexpr std::array<std::pair<Algorithm, std::string_view>, 4> kAlgorithms{{{Algorithm::direct, "direct"},
                                                                             {Algorithm::winograd2, "winograd2"},
                                                                             {Algorithm::winograd4, "winograd4"},
                                                                             {Algorithm::automatic, "automatic"}}};

constexpr std::string_view kChannelsShared = ", channels shared";
constexpr double kMaxScratch = 2e6;  // bytes of a thread's stack
constexpr int kCacheLine = 64;       // bytes

std::string_view name_of(Algorithm algorithm) {
  return std::ranges::find(kAlgorithms, algorithm, &std::pair<Algorithm, std::string_view>::first)->second;
}

bool is_winograd(Algorithm algorithm) { return algorithm == Algorithm::winograd2 || algorithm == Algorithm::winograd4; }

int tile_side(Algorithm algorithm) { return algorithm == Algorithm::winograd4 ? 4 : 2; }

int vectors_of(const KernelKey& key) { return (key.out_channels + kLanes - 1) / kLanes; }

// How many times a size is computed by tiles that cover it.
double covered(int size, int tile) {
  const int computed = (size + tile - 1) / tile * tile;
  return double(computed) / size;
}

// Input channels that one step of the innermost loop sums.
int group_of(const KernelKey& key, const Target& target) {
  if (key.precision == plan::Precision::fp32) return 1;
  return target.dot == DotProduct::none ? 2 : 4;
}

// Registers that hold sums.
int accumulators(const Schedule& schedule, const Target& target) {
  return schedule.vectors * schedule.columns * schedule.rows * (kLanes * 32 / target.register_bits);
}

// Rows of which a thread's share has at least one such unit.
int max_rows(const KernelKey& key, const Schedule& schedule) {
  const int step = key.pool ? 2 : 1, units = key.height / step;
  return schedule.share == Share::channels ? units * step : (units + key.threads - 1) / key.threads * step;
}

bool share_allowed(const KernelKey& key, const Schedule& schedule) {
  if (schedule.share == Share::rows) return true;
  const int channels = written_channels(key.out_channels), unit = unit_of_share(key, schedule);
  return channels % unit == 0 && channels > unit;
}

bool direct_allowed(const KernelKey& key, const Schedule& schedule) {
  const int step = key.pool ? 2 : 1;
  return schedule.columns % step == 0 && schedule.rows % step == 0 && schedule.columns <= key.width / step * step &&
         schedule.rows <= max_rows(key, schedule);
}

bool winograd_allowed(const KernelKey& key, const Schedule& schedule) {
  const int side = tile_side(schedule.algorithm);
  if (key.precision != plan::Precision::fp32 || key.in_channels < kLanes) return false;
  const bool by_block = schedule.order == LoopOrder::channels_outside;
  if (schedule.share == Share::channels && !by_block) return false;
  const int across = key.width / side, at_once = side * schedule.rows;
  if (key.width % side != 0 || key.height % at_once != 0 || at_once > max_rows(key, schedule)) return false;
  const double tiles = double(across) * schedule.rows * (side + 2) * (side + 2);
  const int products = by_block ? schedule.vectors * kLanes : written_channels(key.out_channels);
  const double scratch = 4 * tiles * (stored_channels(key.in_channels) + products);
  return across * schedule.rows % schedule.columns == 0 && scratch <= kMaxScratch;
}

}  // namespace

std::string Schedule::text() const {
  return std::format("{} {}x{}x{} unroll {} {} outside{}", name_of(algorithm), vectors, columns, rows, unroll,
                     order == LoopOrder::channels_outside ? "channels" : "pixels",
                     share == Share::channels ? kChannelsShared : "");
}

Schedule Schedule::parse(std::string_view text) {
  Schedule schedule;
  const auto space = text.find(' ');
  const auto known =
      std::ranges::find(kAlgorithms, text.substr(0, space), &std::pair<Algorithm, std::string_view>::second);
  if (known != kAlgorithms.end()) {
    schedule.algorithm = known->first;
    std::array<int*, 4> numbers{&schedule.vectors, &schedule.columns, &schedule.rows, &schedule.unroll};
    const char *at = text.data() + std::min(space, text.size()), *end = text.data() + text.size();
    for (int* number : numbers) {
      while (at != end && (*at < '0' || *at > '9')) ++at;
      at = std::from_chars(at, end, *number).ptr;
    }
    if (text.ends_with(kChannelsShared)) schedule.share = Share::channels;
    if (text.find("pixels outside") != text.npos) schedule.order = LoopOrder::pixels_outside;
  }
  if (known == kAlgorithms.end() || schedule.text() != text)
    fail("schedule: found '{}', expected one like '{}'", text, Schedule{}.text());
  return schedule;
}

int unit_of_share(const KernelKey& key, const Schedule& schedule) {
  if (schedule.share == Share::channels)
    return std::lcm(schedule.vectors * kLanes, key.precision == plan::Precision::int8 ? kCacheLine : kLanes);
  if (schedule.algorithm == Algorithm::automatic) return key.height;
  return schedule.rows * (is_winograd(schedule.algorithm) ? tile_side(schedule.algorithm) : 1);
}

KernelShare largest_share(const KernelKey& key, const Schedule& schedule) {
  const bool channels = schedule.share == Share::channels;
  const int step = !channels && key.pool ? 2 : 1;
  const int whole = channels ? written_channels(key.out_channels) : key.height / step;
  const int unit = std::max(unit_of_share(key, schedule) / step, 1);
  int most = 0;
  for (int part = 0; part < key.threads; ++part) {
    const auto begin = [&](int of) { return engine::share_begin(whole, unit, of, key.threads); };
    most = std::max(most, begin(part + 1) - begin(part));
  }
  if (channels) return {key.height, most};
  return {most * step, written_channels(key.out_channels)};
}

bool allowed(const KernelKey& key, const Schedule& schedule) {
  if (schedule.vectors < 1 || schedule.columns < 1 || schedule.rows < 1 || schedule.unroll < 1) return false;
  if (vectors_of(key) % schedule.vectors != 0 || !share_allowed(key, schedule)) return false;
  switch (schedule.algorithm) {
    case Algorithm::direct:
      return direct_allowed(key, schedule);
    case Algorithm::winograd2:
    case Algorithm::winograd4:
      return winograd_allowed(key, schedule);
    case Algorithm::automatic:
      return schedule == Schedule{.algorithm = Algorithm::automatic} && key.threads == 1;
  }
  return false;
}

std::vector<Schedule> all_schedules(const KernelKey& key, const Target& target) {
  std::vector<Schedule> schedules;
  const int groups = (key.in_channels + group_of(key, target) - 1) / group_of(key, target);
  std::vector<Share> shares{Share::rows};
  if (key.threads > 1) shares.push_back(Share::channels);
  for (const auto algorithm : {Algorithm::direct, Algorithm::winograd2, Algorithm::winograd4}) {
    const std::vector<int> rows = is_winograd(algorithm) ? std::vector{1, 2, 4, 8, 16} : std::vector{1, 2, 4};
    for (const int vectors : {1, 2, 3, 4})
      for (int columns = 1; columns <= 28; ++columns)
        for (const int down : rows)
          for (const int unroll : {1, 2, 4})
            for (const auto order : {LoopOrder::channels_outside, LoopOrder::pixels_outside})
              for (const auto share : shares) {
                const Schedule schedule{algorithm, vectors, columns, down, unroll, order, share};
                Schedule registers = schedule;
                if (is_winograd(algorithm)) registers.rows = 1;
                if (accumulators(registers, target) > target.registers - 2) continue;
                if (groups % unroll != 0 || !allowed(key, schedule)) continue;
                schedules.push_back(schedule);
              }
  }
  if (const Schedule automatic{.algorithm = Algorithm::automatic}; allowed(key, automatic))
    schedules.push_back(automatic);
  return schedules;
}

// The most sums that fit into registers, few loads for each, no pixel computed twice.
Schedule default_schedule(const KernelKey& key, const Target& target) {
  std::optional<Schedule> best;
  double least = 0;
  for (const Schedule& schedule : all_schedules(key, target)) {
    const bool winograd = is_winograd(schedule.algorithm);
    if (schedule.unroll != 1 || schedule.algorithm == Algorithm::winograd4) continue;
    if (schedule.algorithm == Algorithm::automatic) continue;
    if (winograd && (key.in_channels < 2 * kLanes || schedule.order == LoopOrder::pixels_outside)) continue;
    const int sums = schedule.vectors * schedule.columns * (winograd ? 1 : schedule.rows);
    const double loads = 1.0 / schedule.vectors + double(schedule.vectors) / sums;
    const KernelShare share = largest_share(key, schedule);
    double wasted = double(share.rows) * share.channels / key.height / key.out_channels;
    if (!winograd) wasted *= covered(key.width, schedule.columns) * covered(share.rows, schedule.rows);
    const double cost = wasted * (1 + 0.3 * loads + 2.0 / sums) * (winograd ? 0.7 : 1);
    if (!best || cost < least) best = schedule, least = cost;
  }
  if (best) return *best;
  return {.vectors = 1, .columns = key.pool ? 2 : 1, .rows = key.pool ? 2 : 1};
}

std::vector<double> features(const KernelKey& key, const Schedule& schedule, const Target& target) {
  const auto log = [](double value) { return std::log2(std::max(value, 1e-6)); };
  const bool winograd = is_winograd(schedule.algorithm);
  const int side = winograd ? tile_side(schedule.algorithm) : 1;
  const double across = std::ceil(double(key.width) / (winograd ? side * side : schedule.columns));
  const double sums = schedule.vectors * schedule.columns * (winograd ? 1 : schedule.rows);
  const KernelShare share = largest_share(key, schedule);
  const double computed = winograd ? 1 : covered(key.width, schedule.columns) * covered(share.rows, schedule.rows);
  const double lanes_used = double(key.out_channels) / (vectors_of(key) * kLanes);
  return {log(key.in_channels),
          log(share.channels),
          log(key.width),
          log(share.rows),
          key.pool ? 1.0 : 0.0,
          log(schedule.vectors),
          log(schedule.columns),
          log(schedule.rows),
          log(schedule.unroll),
          schedule.order == LoopOrder::pixels_outside ? 1.0 : 0.0,
          schedule.algorithm == Algorithm::winograd2 ? 1.0 : 0.0,
          schedule.algorithm == Algorithm::winograd4 ? 1.0 : 0.0,
          log(sums),
          log(1.0 / schedule.vectors + schedule.vectors / sums),  // loads for each vector of products
          log(computed),
          log(lanes_used),
          log(across),
          double(accumulators(schedule, target)) / target.registers,
          schedule.share == Share::channels ? 1.0 : 0.0,
          double(share.rows) * share.channels / key.height / key.out_channels,
          log(9.0 * key.in_channels * share.channels * (winograd ? (side + 2) * (side + 2) / 9.0 : 1))};  // weights
}

}  // namespace triage::compiler
