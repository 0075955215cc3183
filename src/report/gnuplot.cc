#include "report/gnuplot.h"

#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "core/error.h"

namespace triage::report {
namespace {

constexpr int kNotFound = 127;  // of the shell, when there is no such program

// gnuplot's stderr goes to a file that is read when it fails.
class MessageFile {
 public:
  MessageFile() {
    std::string name = (fs::temp_directory_path() / "triage-gnuplot-XXXXXX").string();
    const int fd = mkstemp(name.data());
    if (fd < 0) fail("{}: cannot make a temporary file", name);
    std::fclose(fdopen(fd, "w"));
    path_ = name;
  }
  ~MessageFile() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  std::string shell_word() const {
    std::string word = "'";
    for (const char c : path_.string()) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return word + "'";
  }
  std::string text() const {
    std::string text = read_file(path_);
    while (!text.empty() && static_cast<unsigned char>(text.front()) <= ' ') text.erase(0, 1);
    while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.pop_back();
    return text.substr(0, 600);
  }

 private:
  fs::path path_;
};

}  // namespace

void run_gnuplot(const std::string& script) {
  const MessageFile messages;
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  FILE* pipe = popen(("gnuplot - 2>" + messages.shell_word()).c_str(), "w");
  if (!pipe) {
    std::signal(SIGPIPE, before);
    fail("gnuplot: cannot be started");
  }
  const bool written = std::fwrite(script.data(), 1, script.size(), pipe) == script.size();
  const int status = pclose(pipe);
  std::signal(SIGPIPE, before);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotFound) {
    fail("gnuplot: not found on this machine; the pictures need it (Debian: gnuplot-nox)");
  }
  if (!written || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fail("gnuplot: failed (status {}): {}", status, messages.text());
  }
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
