// Helpers of the unit tests.
#pragma once

#include <format>
#include <fstream>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/files/temporary.h"
#include "core/rng.h"
#include "core/warning.h"

namespace triage {

// A directory of its own for one test, removed with everything in it.
class TempDir {
 public:
  const fs::path& path() const { return held_.path(); }
  fs::path operator/(const char* name) const { return path() / name; }

 private:
  TemporaryDirectory held_{"test"};
};

inline std::size_t entries(const fs::path& directory) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

// A file in which one bit is wrong, at `places` places drawn by a fixed seed, each for itself: how often read() threw
// an Error, and where it returned something else than for the whole file. Bits that mean nothing (the spaces of JSON,
// what an archive pads with) may be taken.
struct Damage {
  int refused = 0;
  std::vector<std::string> taken;
};
template <class Read>
Damage damage(const fs::path& file, int places, Read read) {
  const std::string whole = read_file(file), meaning = read();
  Damage damage;
  Rng rng(21);
  for (int i = 0; i < places; ++i) {
    std::string bytes = whole;
    const std::uint64_t at = rng.below(bytes.size()), bit = rng.below(8);
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
    try {
      if (read() != meaning) damage.taken.push_back(std::format("{}: byte {}, bit {}", file.string(), at, bit));
    } catch (const Error&) {
      ++damage.refused;
    }
  }
  write_file_atomic(file, whole);
  return damage;
}

// The message of the Error that `action` throws, "no error" without one.
template <class Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// What is warned of while it lives. Each text is said once in the life of a process: tests need texts of their own.
class HeardWarnings {
 public:
  HeardWarnings() {
    heard().clear();
    set_warning_sink([](const std::string& text) { heard().push_back(text); });
  }
  ~HeardWarnings() { set_warning_sink(nullptr); }
  HeardWarnings(const HeardWarnings&) = delete;
  HeardWarnings& operator=(const HeardWarnings&) = delete;

  const std::vector<std::string>& texts() const { return heard(); }

 private:
  static std::vector<std::string>& heard() {
    static std::vector<std::string> texts;
    return texts;
  }
};

}  // namespace triage
