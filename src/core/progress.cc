#include "core/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <format>

#include "core/text.h"

namespace triage {
namespace {

using Clock = std::chrono::steady_clock;
bool g_quiet = false;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string count_text(double count) {
  if (count < 10'000) return std::format("{:.0f}", count);
  if (count < 10'000'000) return std::format("{:.1f}k", count / 1e3);
  return std::format("{:.1f}M", count / 1e6);
}

std::string rate_text(double rate) { return rate < 100 ? std::format("{:.1f}", rate) : count_text(rate); }

std::string time_text(double seconds) {
  const long total = std::lround(std::min(seconds, 359'999.0));
  if (total >= 3600) return std::format("{}:{:02}:{:02}", total / 3600, total / 60 % 60, total % 60);
  return std::format("{}:{:02}", total / 60, total % 60);
}

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// At most `bytes` of a text, cut between UTF-8 characters.
std::string first_bytes(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

// Past stderr's stream, which may let no escape sequences through; all but what this file adds is printable already.
void put(std::string_view text) {
  std::fflush(stderr);
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
}

}  // namespace

Progress::Progress(std::string label, std::uint64_t total, std::string unit, std::uint64_t first)
    : label_(std::move(label)),
      unit_(std::move(unit)),
      total_(total),
      first_(first),
      count_(first),
      start_(Clock::now()),
      last_(start_),
      terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (!finished_ && terminal_ && !g_quiet) put("\n");
}

void Progress::update(std::uint64_t count, const std::string& note) {
  count_ = count;
  const auto now = Clock::now();
  if (seconds_between(last_, now) < (terminal_ ? 0.1 : 10.0)) return;
  last_ = now;
  draw(count, note, false);
}

void Progress::line(const std::string& text) {
  if (!g_quiet) put((terminal_ ? "\r\x1b[K" : "") + printable(text) + "\n");
}

void Progress::finish(const std::string& note) {
  if (finished_) return;
  finished_ = true;
  draw(count_, note, true);
}

double Progress::rate() const {
  const double elapsed = seconds_between(start_, Clock::now());
  return elapsed > 0 && count_ > first_ ? static_cast<double>(count_ - first_) / elapsed : 0;
}

void Progress::draw(std::uint64_t count, const std::string& note, bool final) {
  if (g_quiet) return;
  const double done = static_cast<double>(count), total = static_cast<double>(total_);
  std::string text = label_;
  if (total_ > 0) {
    const double share = std::min(1.0, done / total);
    if (terminal_ && !final) {
      const int filled = static_cast<int>(share * 20);
      text += " [" + std::string(filled, '#') + std::string(20 - filled, '.') + "]";
    }
    text += std::format(" {:3.0f} %", std::floor(share * 100));
  }
  text += "  " + count_text(done);
  if (total_ > 0) text += "/" + count_text(total);
  const double speed = rate();
  text += speed > 0 ? std::format("  {} {}/s", rate_text(speed), unit_) : " " + unit_;
  if (final) {
    text += "  in " + time_text(seconds_between(start_, Clock::now()));
  } else if (speed > 0 && total_ > count) {
    text += "  ETA " + time_text((total - done) / speed);
  }
  if (!note.empty()) text += "  " + note;
  text = printable(text);
  if (terminal_) {
    if (!final) text = first_bytes(text, terminal_columns() - 1);  // a wrapped line could not be redrawn
    text = "\r\x1b[K" + text;
  }
  if (final || !terminal_) text += "\n";
  put(text);
}

void Progress::set_quiet(bool quiet) { g_quiet = quiet; }

}  // namespace triage
