#include "core/files/new_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "core/error.h"

namespace triage {
namespace {

// The directory itself: not a link to it, no slash behind it.
fs::path real_directory(const fs::path& path) {
  std::error_code error;
  fs::path whole = fs::weakly_canonical(fs::absolute(path), error);
  if (error) fail("{}: {}", path.string(), error.message());
  if (!whole.has_filename()) whole = whole.parent_path();
  if (!whole.has_filename()) fail("{}: cannot be replaced by a new directory", path.string());
  return whole;
}

fs::path with_parents(const fs::path& target) {
  if (fs::exists(target) && !fs::is_directory(target)) fail("{}: expected a directory, found a file", target.string());
  std::error_code error;
  fs::create_directories(target.parent_path(), error);
  if (error) fail("{}: cannot create the directory: {}", target.parent_path().string(), error.message());
  return target.parent_path();
}

void flush_all(const fs::path& directory) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_symlink()) continue;
    if (entry.is_directory() || entry.is_regular_file()) flush_to_disk(entry.path());
  }
  flush_to_disk(directory);
}

void rename_or_fail(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0)
    fail("{}: cannot be put in place: {}", to.string(), std::generic_category().message(errno));
}

// Whether the file system can do it.
bool exchange_names(const fs::path& one, const fs::path& other) {
  if (::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE) == 0) return true;
  if (errno == EINVAL || errno == ENOSYS) return false;
  fail("{}: cannot be replaced: {}", other.string(), std::generic_category().message(errno));
}

// Locked while it has another name: whoever cleans up meanwhile leaves it alone.
void replace_in_two_renames(const fs::path& made, const fs::path& target) {
  const int lock = hold_directory(target);
  if (lock < 0) fail("{}: cannot be replaced: another process replaces it", target.string());
  const fs::path old = moved_away(target);
  try {
    rename_or_fail(target, old);
    try {
      rename_or_fail(made, target);
    } catch (const Error&) {
      rename_or_fail(old, target);
      throw;
    }
  } catch (const Error&) {
    ::close(lock);
    throw;
  }
  ::close(lock);
  std::error_code ignored;
  fs::remove_all(old, ignored);
}

}  // namespace

NewDirectory::NewDirectory(const fs::path& path, Exchange exchange)
    : target_(real_directory(path)),
      exchange_(exchange),
      made_(with_parents(target_), target_.filename(), TemporaryPath::Kind::directory) {
  recover_directory(target_);
}

void NewDirectory::take_over(const std::set<std::string>& but) {
  if (!fs::exists(target_)) return;
  for (const fs::directory_entry& entry : fs::directory_iterator(target_)) {
    const fs::path name = entry.path().filename(), to = path() / name;
    if (but.contains(name) || is_temporary(name) || fs::symlink_status(to).type() != fs::file_type::not_found) continue;
    std::error_code error;
    if (entry.symlink_status().type() == fs::file_type::regular) fs::create_hard_link(entry.path(), to, error);
    if (entry.symlink_status().type() != fs::file_type::regular || error)
      fs::copy(entry.path(), to, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  }
}

void NewDirectory::commit() {
  flush_all(path());
  const bool replaces = fs::exists(target_);
  if (replaces) fs::permissions(path(), fs::status(target_).permissions());
  const bool exchanged = replaces && exchange_ == Exchange::one_rename && exchange_names(path(), target_);
  if (!replaces) rename_or_fail(path(), target_);
  if (replaces && !exchanged) replace_in_two_renames(path(), target_);
  flush_to_disk(target_.parent_path());
  std::error_code ignored;
  if (exchanged) fs::remove_all(path(), ignored);  // the old one
  made_.keep();
}

void recover_directory(const fs::path& directory) {
  std::error_code error;
  if (fs::exists(directory, error) || error) return;
  const fs::path whole = real_directory(directory);
  remove_dead_temporaries(whole.parent_path(), whole.filename().string());
}

}  // namespace triage
