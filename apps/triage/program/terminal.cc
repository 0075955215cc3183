#include "apps/triage/program/terminal.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <iostream>
#include <streambuf>

#include "core/system/stop.h"
#include "core/system/terminal_progress.h"
#include "core/text.h"

namespace triage::cli {
namespace {

struct Guarded {
  int fd;
  std::string pending;  // the beginning of a character whose rest was not printed yet
};

ssize_t write_guarded(void* cookie, const char* data, std::size_t bytes) {
  auto& guarded = *static_cast<Guarded*>(cookie);
  const std::string text = printable_piece({data, bytes}, guarded.pending);
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t put = ::write(guarded.fd, text.data() + done, text.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return 0;  // as fopencookie wants it
    done += static_cast<std::size_t>(put);
  }
  return static_cast<ssize_t>(bytes);
}

// Of std::cout: the same stream, so that the order of what is printed stays.
class StreamOf final : public std::streambuf {
 public:
  explicit StreamOf(std::FILE* file) : file_(file) {}

 private:
  int_type overflow(int_type c) override {
    return traits_type::eq_int_type(c, traits_type::eof()) ? traits_type::not_eof(c) : std::fputc(c, file_);
  }
  std::streamsize xsputn(const char* data, std::streamsize size) override {
    return static_cast<std::streamsize>(std::fwrite(data, 1, static_cast<std::size_t>(size), file_));
  }
  int sync() override { return std::fflush(file_); }

  std::FILE* file_;
};

// The C library allows these variables to be set. The streams live until the process ends, which flushes them.
void guard(std::FILE*& stream, int fd, int buffering, std::ostream& other) {
  if (::isatty(fd) != 1) return;
  cookie_io_functions_t functions{};
  functions.write = write_guarded;
  std::FILE* const guarded = ::fopencookie(new Guarded{fd, {}}, "w", functions);
  if (guarded == nullptr) return;
  std::setvbuf(guarded, nullptr, buffering, BUFSIZ);
  stream = guarded;
  other.rdbuf(new StreamOf(guarded));
}

}  // namespace

void guard_terminal() {
  guard(stdout, STDOUT_FILENO, _IOLBF, std::cout);
  guard(stderr, STDERR_FILENO, _IONBF, std::cerr);
}

Context show_progress(bool quiet) {
  static TerminalProgress progress(quiet);
  return {&progress, {}};
}

Context stoppable(bool quiet) {
  Context context = show_progress(quiet);
  context.stop = install_stop_handler();
  return context;
}

void print_warning(const std::string& message) { std::fprintf(stderr, "warning: %s\n", printable(message).c_str()); }

}  // namespace triage::cli
