// Helpers of the unit tests.
#pragma once

#include <atomic>
#include <format>
#include <fstream>
#include <string>
#include <vector>

#include "core/context.h"
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

// A caller of long work: writes down what it hears, and asks to stop where it is told to.
class RecordingSink : public ProgressSink {
 public:
  Context context() { return {this, StopToken(stop_)}; }
  void stop() { stop_ = true; }
  void stop_at(std::uint64_t count) { stop_at_ = count; }  // with the update that comes to it

  // "start import 0/3 images", "finish import 3/3", "gave up import 2/3", "line ...", "message ..."
  const std::vector<std::string>& said() const { return said_; }
  std::vector<std::string> messages() const { return those("message "); }
  std::vector<std::string> lines() const { return those("line "); }
  const std::vector<std::uint64_t>& counts() const { return counts_; }  // of all updates
  const std::string& note() const { return note_; }                     // the last one

  void start(const ProgressState& at) override {
    said_.push_back(std::format("start {} {}/{} {}", at.label, at.count, at.total, at.unit));
  }
  void update(const ProgressState& at) override {
    counts_.push_back(at.count);
    note_ = at.note;
    if (at.count >= stop_at_) stop_ = true;
  }
  void finish(const ProgressState& at, bool done) override {
    said_.push_back(std::format("{} {} {}/{}", done ? "finish" : "gave up", at.label, at.count, at.total));
    note_ = at.note;
  }
  void line(const std::string& text) override { said_.push_back("line " + text); }
  void message(const std::string& text) override { said_.push_back("message " + text); }

 private:
  std::vector<std::string> those(const std::string& kind) const {
    std::vector<std::string> some;
    for (const std::string& text : said_) {
      if (text.starts_with(kind)) some.push_back(text.substr(kind.size()));
    }
    return some;
  }

  std::atomic<bool> stop_ = false;
  std::uint64_t stop_at_ = ~std::uint64_t{0};
  std::vector<std::string> said_;
  std::vector<std::uint64_t> counts_;
  std::string note_;
};

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
