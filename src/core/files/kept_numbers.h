// Numbers that take long to find, kept in a file as they are found: work that was killed finds them again. A line each,
// with a checksum: one that was being written is not believed, nor what stands behind it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/files/file.h"

namespace triage {

class KeptNumbers {
 public:
  using Numbers = std::vector<double>;

  // identity: one line, all that must be the same for numbers to be; a file of another one begins anew.
  KeptNumbers(fs::path file, const std::string& identity);

  // What is kept under `key` (no blanks), else what `find` finds, which is kept then.
  Numbers get(const std::string& key, const std::function<Numbers()>& find);

 private:
  fs::path file_;
  std::map<std::string, Numbers> known_;
};

}  // namespace triage
