#include "compiler/kernel/kernel_key.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "core/error.h"

namespace triage::compiler {
namespace {

constexpr std::string_view kShape = "'int8 32->64 16x16 [pool] [threads 2]'";

// Words of a text, between single spaces.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// "32->64": two numbers around `between`.
bool parse_pair(std::string_view word, std::string_view between, int& first, int& second) {
  const std::size_t at = word.find(between);
  if (at == std::string_view::npos) return false;
  const auto number = [](std::string_view digits, int& to) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), to);
    return error == std::errc{} && end == digits.data() + digits.size() && to > 0;
  };
  return number(word.substr(0, at), first) && number(word.substr(at + between.size()), second);
}

}  // namespace

std::string KernelKey::text() const {
  return std::format("{} {}->{} {}x{}{}{}", plan::to_string(precision), in_channels, out_channels, height, width,
                     pool ? " pool" : "", threads == 1 ? "" : std::format(" threads {}", threads));
}

KernelKey KernelKey::parse(std::string_view text) {
  KernelKey key;
  auto words = words_of(text);
  const bool shaped = words.size() >= 3 && parse_pair(words[1], "->", key.in_channels, key.out_channels) &&
                      parse_pair(words[2], "x", key.height, key.width);
  if (!shaped) fail("kernel: found '{}', expected {}", text, kShape);
  key.precision = plan::precision_from_string(std::string(words[0]), "kernel '" + std::string(text) + "'");
  std::size_t next = 3;
  key.pool = next < words.size() && words[next] == "pool";
  next += key.pool;
  if (next + 2 == words.size() && words[next] == "threads") {
    const auto& digits = words[next + 1];
    std::from_chars(digits.data(), digits.data() + digits.size(), key.threads);
    next += 2;
  }
  const bool fits = std::max(key.in_channels, key.out_channels) <= plan::kMaxWidth &&
                    std::max(key.height, key.width) <= plan::kMaxSide && key.threads >= 1 && key.threads <= kMaxThreads;
  if (next != words.size() || key.text() != text || !fits) fail("kernel: found '{}', expected {}", text, kShape);
  return key;
}

double KernelKey::macs() const { return 9.0 * in_channels * out_channels * height * width; }

KernelKey kernel_key(const plan::ConvLayer& layer, plan::Precision precision, int threads) {
  return {.precision = precision,
          .in_channels = layer.in_channels,
          .out_channels = layer.out_channels,
          .height = layer.height,
          .width = layer.width,
          .pool = layer.pool,
          .threads = threads};
}

int written_channels(int channels) { return std::max(stored_channels(channels), kLanes); }

int stored_channels(int channels) { return channels <= 4 ? 4 : (channels + kLanes - 1) / kLanes * kLanes; }

}  // namespace triage::compiler
