#include "profile/temporary_directory.h"

#include <stdlib.h>

#include "core/error.h"

namespace triage::profile {

TemporaryDirectory::TemporaryDirectory(const std::string& purpose) {
  std::string name = (fs::temp_directory_path() / ("triage-" + purpose + "-XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) fail("{}: cannot make a temporary directory", name);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace triage::profile
