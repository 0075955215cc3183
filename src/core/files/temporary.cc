#include "core/files/temporary.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "core/error.h"
#include "core/files/file_lock.h"
#include "core/warning.h"

namespace triage {
namespace {

constexpr std::string_view kTemporary = ".tmp", kMovedAway = ".old", kComplete = ".new", kOurs = "triage-";
constexpr std::size_t kMaxName = 200;  // of NAME: a file's name has at most 255 bytes

struct Registry {
  std::mutex mutex;
  std::map<fs::path, pid_t> held;  // by which process: a child that was forked has a copy
  std::set<fs::path> cleaned;
};

Registry& registry() {
  static auto* const all = new Registry;  // never destroyed: a signal may come after main()
  return *all;
}

std::string numbered(const std::string& name, std::string_view ending) {
  static std::atomic<unsigned> counter{0};
  return std::format(".{}.{}-{}{}", name, ::getpid(), counter.fetch_add(1), ending);
}

// NAME of .NAME.PID-N and an ending; empty: another kind of name.
std::string name_in(const std::string& file, std::string_view ending) {
  if (!file.starts_with('.') || !file.ends_with(ending)) return {};
  const std::string inner = file.substr(1, file.size() - 1 - ending.size());
  const std::size_t dot = inner.rfind('.'), dash = inner.rfind('-');
  if (dot == std::string::npos || dash == std::string::npos || dash < dot + 2 || dash + 1 == inner.size()) return {};
  const auto digits = [](std::string_view text) { return text.find_first_not_of("0123456789") == std::string::npos; };
  if (!digits(std::string_view(inner).substr(dot + 1, dash - dot - 1))) return {};
  return digits(std::string_view(inner).substr(dash + 1)) ? inner.substr(0, dot) : std::string();
}

bool is_open_at(int fd, const fs::path& path) {
  struct stat open{}, named{};
  return ::fstat(fd, &open) == 0 && ::lstat(path.c_str(), &named) == 0 && open.st_dev == named.st_dev &&
         open.st_ino == named.st_ino;
}

// Made and locked; -1 and errno where it cannot be made. Somebody who cleans up may come between the two: EEXIST.
int make(const fs::path& path, TemporaryPath::Kind kind, unsigned permissions) {
  const bool file = kind == TemporaryPath::Kind::file;
  if (!file && ::mkdir(path.c_str(), permissions) != 0) return -1;
  const int fd = file ? ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, permissions & 0666)
                      : ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    if (!file && errno == ENOENT) errno = EEXIST;
    return -1;
  }
  if (try_lock(fd) != LockState::busy && is_open_at(fd, path)) return fd;
  ::close(fd);
  errno = EEXIST;
  return -1;
}

void end_what_was_begun(const fs::path& path, const std::string& name, std::string_view ending) {
  const fs::path directory = path.parent_path(), successor = directory / name;
  std::error_code error;
  if (ending == kComplete) put_in_place(path, directory);
  if (ending == kMovedAway && !fs::exists(successor, error))
    fs::rename(path, successor, error);
  else
    fs::remove_all(path, error);
}

void end_if_dead(const fs::path& path, const std::string& name, std::string_view ending) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return;
  if (try_lock(fd) == LockState::taken && is_open_at(fd, path)) {
    try {
      end_what_was_begun(path, name, ending);
    } catch (const std::exception& error) {
      warn(std::format("{}: left by a process that was killed: {}", path.string(), error.what()));
    }
  }
  ::close(fd);
}

void clean_once(const fs::path& directory, std::string_view prefix) {
  std::error_code error;
  const fs::path whole = fs::canonical(directory, error);
  if (error) return;
  {
    const std::lock_guard lock(registry().mutex);
    if (!registry().cleaned.insert(whole).second) return;
  }
  remove_dead_temporaries(whole, prefix);
}

}  // namespace

TemporaryPath::TemporaryPath(const fs::path& directory, const std::string& name, Kind kind, unsigned permissions) {
  const fs::path place = directory.empty() ? fs::path(".") : directory;
  clean_once(place, name.starts_with(kOurs) ? kOurs : std::string_view());
  do {
    path_ = directory / numbered(name.substr(0, kMaxName), kTemporary);
    fd_ = make(path_, kind, permissions);
  } while (fd_ < 0 && errno == EEXIST);
  if (fd_ < 0) {
    fail("{}: cannot create a {} beside it: {}", (directory / name).string(), kind == Kind::file ? "file" : "directory",
         std::generic_category().message(errno));
  }
  std::error_code error;
  const fs::path whole = fs::absolute(path_, error);
  const std::lock_guard lock(registry().mutex);
  registry().held[whole] = ::getpid();
}

TemporaryPath::~TemporaryPath() {
  if (fd_ < 0) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  keep();
}

void TemporaryPath::keep() {
  if (fd_ < 0) return;
  std::error_code error;
  const fs::path whole = fs::absolute(path_, error);
  {
    const std::lock_guard lock(registry().mutex);
    registry().held.erase(whole);
  }
  ::close(fd_);
  fd_ = -1;
}

TemporaryDirectory::TemporaryDirectory(const std::string& purpose)
    : held_(fs::temp_directory_path(), std::string(kOurs) + purpose, TemporaryPath::Kind::directory, 0700) {}

TemporaryDirectory::TemporaryDirectory(const fs::path& beside, const std::string& purpose)
    : held_(beside, purpose, TemporaryPath::Kind::directory) {}

void remove_dead_temporaries(const fs::path& directory, std::string_view prefix) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    found.push_back(entry->path());
  for (const fs::path& path : found) {
    const std::string file = path.filename();
    for (const std::string_view ending : {kTemporary, kMovedAway, kComplete}) {
      const std::string name = name_in(file, ending);
      if (!name.empty() && name.starts_with(prefix)) end_if_dead(path, name, ending);
    }
  }
}

bool is_temporary(const fs::path& path) {
  return std::ranges::any_of(std::array{kTemporary, kMovedAway, kComplete},
                             [&](std::string_view ending) { return !name_in(path.filename(), ending).empty(); });
}

void remove_own_temporaries() {
  const std::lock_guard lock(registry().mutex);
  std::error_code ignored;
  for (const auto& [path, process] : registry().held)
    if (process == ::getpid()) fs::remove_all(path, ignored);
  registry().held.clear();
}

fs::path moved_away(const fs::path& directory) {
  return directory.parent_path() / numbered(directory.filename(), kMovedAway);
}

fs::path complete(const fs::path& directory, const std::string& name) { return directory / numbered(name, kComplete); }

void put_in_place(const fs::path& from, const fs::path& directory) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) files.push_back(entry.path());
  std::ranges::sort(files);
  for (const fs::path& file : files) fs::rename(file, directory / file.filename());
}

int hold_directory(const fs::path& directory) {
  const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  if (try_lock(fd) != LockState::busy) return fd;
  ::close(fd);
  return -1;
}

}  // namespace triage
