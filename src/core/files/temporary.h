// Temporary files and directories: .NAME.PID-N.tmp beside what they will become, or in the system's place for such.
// Each is held by a lock (flock) while its process lives; what nobody holds was left by a process that was killed, and
// the next one that makes something there removes it. Process ids are not asked: they come round again.
#pragma once

#include <string>
#include <string_view>

#include "core/files/file.h"

namespace triage {

class TemporaryPath {
 public:
  enum class Kind { file, directory };

  // In `directory`, named after `name`; first removes what was left there, once in a process. Throws Error.
  TemporaryPath(const fs::path& directory, const std::string& name, Kind kind, unsigned permissions = 0777);
  ~TemporaryPath();  // removes it, with everything in it
  TemporaryPath(const TemporaryPath&) = delete;
  TemporaryPath& operator=(const TemporaryPath&) = delete;

  const fs::path& path() const { return path_; }
  int fd() const { return fd_; }  // of a file open for writing
  void keep();                    // it has another name now: nothing is removed

 private:
  fs::path path_;
  int fd_ = -1;
};

// A directory of this process's own, removed with all in it at the end.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::string& purpose);  // in the system's place for such; a part of its name
  TemporaryDirectory(const fs::path& beside, const std::string& purpose);  // in that directory

  const fs::path& path() const { return held_.path(); }

 private:
  TemporaryPath held_;
};

// Removes the temporary files and directories in `directory` that nobody holds and whose NAME begins with `prefix`.
// What was begun is ended: a directory NAME that was moved away to make place for its successor (new_directory.h),
// which then never came, gets its name back; files that were complete (new_files.h) are put in place. What cannot be
// removed stays.
void remove_dead_temporaries(const fs::path& directory, std::string_view prefix = {});

// Whether a path is named like what the functions here make.
bool is_temporary(const fs::path& path);

// All that this process holds: for one that is ended by a signal, from a thread of its own.
void remove_own_temporaries();

// For new_directory.cc and new_files.cc. Names of a directory that was moved away and of one whose files are complete;
// a lock that keeps remove_dead_temporaries() from a directory, -1: somebody else holds it; moves the files of a
// directory into another.
fs::path moved_away(const fs::path& directory);
fs::path complete(const fs::path& directory, const std::string& name);
int hold_directory(const fs::path& directory);
void put_in_place(const fs::path& from, const fs::path& directory);

}  // namespace triage
