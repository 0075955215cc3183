#include "compiler/kernel_key.h"

#include <algorithm>
#include <cstdio>
#include <format>

#include "core/error.h"

namespace triage::compiler {

std::string KernelKey::text() const {
  std::string text =
      std::format("{} {}->{} {}x{}", plan::to_string(precision), in_channels, out_channels, height, width);
  if (pool) text += " pool";
  if (rows != height) text += std::format(" rows {}", rows);
  return text;
}

KernelKey KernelKey::parse(std::string_view text) {
  KernelKey key;
  char precision[8] = {};
  const std::string line(text);
  int read = 0;
  if (std::sscanf(line.c_str(), "%7s %d->%d %dx%d%n", precision, &key.in_channels, &key.out_channels, &key.height,
                  &key.width, &read) == 5) {
    key.precision = plan::precision_from_string(precision, line);
    key.rows = key.height;
    std::string rest = line.substr(static_cast<std::size_t>(read));
    if (rest.starts_with(" pool")) {
      key.pool = true;
      rest.erase(0, 5);
    }
    if (!rest.empty()) std::sscanf(rest.c_str(), " rows %d", &key.rows);
  }
  if (key.in_channels < 1 || key.text() != text) fail("kernel '{}': expected \"int8 32->64 16x16 pool\"", text);
  return key;
}

double KernelKey::macs() const { return 9.0 * in_channels * out_channels * rows * width; }

KernelKey kernel_key(const plan::ConvLayer& layer, plan::Precision precision, int threads) {
  return {precision,
          layer.in_channels,
          layer.out_channels,
          layer.height,
          layer.width,
          layer.pool,
          std::max(1, layer.height / std::max(1, threads))};
}

int stored_channels(int channels) { return channels <= 4 ? 4 : (channels + kLanes - 1) / kLanes * kLanes; }

}  // namespace triage::compiler
