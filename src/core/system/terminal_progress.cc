#include "core/system/terminal_progress.h"

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

constexpr double kTerminalSeconds = 0.1, kPlainSeconds = 10;  // between two drawings
constexpr const char* kClearLine = "\r\x1b[K";

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

std::size_t terminal_columns(int fd) {
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// At most `bytes` of a text, cut between UTF-8 characters.
std::string first_bytes(const std::string& text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) --bytes;
  return text.substr(0, bytes);
}

double rate_of(const ProgressState& state, double seconds) {
  return seconds > 0 && state.count > state.first ? static_cast<double>(state.count - state.first) / seconds : 0;
}

// "train [####....]  50 %  200/400  12.5 images/s  ETA 0:16  loss 0.5"
std::string text_of(const ProgressState& state, double seconds, bool bar, bool final) {
  const double done = static_cast<double>(state.count), total = static_cast<double>(state.total);
  std::string text = state.label;
  if (state.total > 0) {
    const double share = std::min(1.0, done / total);
    if (bar) {
      const int filled = static_cast<int>(share * 20);
      text += " [" + std::string(filled, '#') + std::string(20 - filled, '.') + "]";
    }
    text += std::format(" {:3.0f} %", std::floor(share * 100));
  }
  text += "  " + count_text(done);
  if (state.total > 0) text += "/" + count_text(total);
  const double rate = rate_of(state, seconds);
  text += rate > 0 ? std::format("  {} {}/s", rate_text(rate), state.unit) : " " + state.unit;
  if (final) {
    text += "  in " + time_text(seconds);
  } else if (rate > 0 && state.total > state.count) {
    text += "  ETA " + time_text((total - done) / rate);
  }
  if (!state.note.empty()) text += "  " + state.note;
  return printable(text);
}

}  // namespace

TerminalProgress::TerminalProgress(bool quiet, int fd, Clock clock)
    : quiet_(quiet), terminal_(::isatty(fd) == 1), fd_(fd), clock_(std::move(clock)) {}

void TerminalProgress::put(std::string_view text) {
  std::fflush(stderr);
  while (!text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
}

void TerminalProgress::permanent(const std::string& text) {
  put((terminal_ && !quiet_ && !times_.empty() ? kClearLine : "") + printable(text) + "\n");
}

void TerminalProgress::start(const ProgressState& state) {
  const double now = clock_();
  times_[&state] = {now, now};
}

void TerminalProgress::update(const ProgressState& state) {
  Times& times = times_.at(&state);
  const double now = clock_();
  if (now - times.drawn < (terminal_ ? kTerminalSeconds : kPlainSeconds)) return;
  times.drawn = now;
  if (quiet_) return;
  const std::string text = text_of(state, now - times.start, terminal_, false);
  // A wrapped line could not be redrawn.
  put(terminal_ ? kClearLine + first_bytes(text, terminal_columns(fd_) - 1) : text + "\n");
}

void TerminalProgress::finish(const ProgressState& state, bool done) {
  const double start = times_.at(&state).start;
  times_.erase(&state);
  if (quiet_) return;
  if (done) {
    put((terminal_ ? kClearLine : "") + text_of(state, clock_() - start, false, true) + "\n");
  } else if (terminal_) {
    put("\n");
  }
}

void TerminalProgress::line(const std::string& text) {
  if (!quiet_) permanent(text);
}

void TerminalProgress::message(const std::string& text) { permanent(text); }

}  // namespace triage
