#include "core/files/new_files.h"

#include "core/error.h"

namespace triage {

NewFiles::NewFiles(const fs::path& directory, const std::string& name)
    : directory_(directory.empty() ? fs::path(".") : directory),
      name_(name),
      made_(directory_, name, TemporaryPath::Kind::directory) {}

void NewFiles::commit() {
  for (const fs::directory_entry& entry : fs::directory_iterator(path())) {
    flush_to_disk(entry.path());
    if (const fs::path place = directory_ / entry.path().filename(); fs::is_directory(place))
      fail("{}: cannot be replaced: expected a file, found a directory", place.string());
  }
  flush_to_disk(path());
  const fs::path whole = complete(directory_, name_);
  fs::rename(path(), whole);
  flush_to_disk(directory_);
  put_in_place(whole, directory_);
  fs::remove(whole);
  flush_to_disk(directory_);
  made_.keep();
}

}  // namespace triage
