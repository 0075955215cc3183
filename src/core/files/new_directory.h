// A directory that is made whole beside the one it replaces and then takes its place in one rename: readers see the old
// one or the new one, and whoever has a file of the old one open keeps it.
#pragma once

#include <set>
#include <string>

#include "core/files/file.h"
#include "core/files/temporary.h"

namespace triage {

class NewDirectory {
 public:
  // two_renames: as on file systems that cannot exchange two names. Between the two a process may be killed;
  // recover_directory() then gives the old directory its name back.
  enum class Exchange { one_rename, two_renames };

  // Will become `path`, whose parents are made; a link there is followed. Throws Error.
  explicit NewDirectory(const fs::path& path, Exchange exchange = Exchange::one_rename);

  const fs::path& path() const { return made_.path(); }  // where it is made; removed again without commit()

  // Takes over what the old directory has and the new one has not, but for these names: files by hard links.
  void take_over(const std::set<std::string>& but);

  // Flushes everything to disk, puts it in place and removes the old directory.
  void commit();

 private:
  fs::path target_;
  Exchange exchange_;
  TemporaryPath made_;
};

// Where `directory` is missing because a process was killed between two renames: what was there is there again.
void recover_directory(const fs::path& directory);

}  // namespace triage
