#include "report/draw/gnuplot.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "core/error.h"
#include "core/system/process.h"

namespace triage::report {
namespace {

constexpr double kSilentSeconds = 600;
constexpr std::size_t kMaxMessage = 600;

std::string trimmed(const std::string& text) {
  const auto blank = [](unsigned char c) { return c <= ' '; };
  const auto first = std::ranges::find_if_not(text, blank);
  const auto last = std::find_if_not(text.rbegin(), text.rend(), blank).base();
  return first < last ? std::string(first, last).substr(0, kMaxMessage) : std::string();
}

bool is_installed() {
  const char* const path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "");
  for (std::string directory; std::getline(directories, directory, ':');) {
    if (::access((fs::path(directory) / "gnuplot").c_str(), X_OK) == 0) return true;
  }
  return false;
}

}  // namespace

void require_gnuplot() {
  if (!is_installed()) fail("gnuplot: not found on this machine; the pictures need it (Debian: gnuplot-nox)");
}

void run_gnuplot(const std::string& script) {
  require_gnuplot();
  const ProcessResult result = run_process({.command = {"gnuplot", "-"},
                                            .input = script,
                                            .input_file = {},
                                            .silence_seconds = kSilentSeconds,
                                            .on_output = {}});
  if (result.exit_code != 0) fail("gnuplot: failed (status {}): {}", result.exit_code, trimmed(result.errors));
}

std::string literal(std::string_view text) {
  std::string literal = "'";
  for (const char c : text) {
    if (c == '\'') literal += '\'';
    literal += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? ' ' : c;
  }
  return literal + "'";
}

PngSize png_size(std::string_view bytes, const std::string& origin) {
  constexpr std::string_view kStart("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
  if (bytes.size() < 33 || !bytes.starts_with(kStart)) {
    fail("{}: not a PNG file ({} bytes)", origin, bytes.size());
  }
  const auto word = [&](std::size_t at) {
    int value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
  };
  return {word(16), word(20)};
}

}  // namespace triage::report
