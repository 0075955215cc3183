// Files that belong together, made beside their places and put there together. A process that is killed while it does
// so leaves them complete, and the next one that makes something in that directory puts the rest in place.
#pragma once

#include <string>

#include "core/files/temporary.h"

namespace triage {

class NewFiles {
 public:
  NewFiles(const fs::path& directory, const std::string& name);  // name: of them all, in messages and of what is made

  const fs::path& path() const { return made_.path(); }  // where they are made; removed again without commit()
  void commit();

 private:
  fs::path directory_;
  std::string name_;
  TemporaryPath made_;
};

}  // namespace triage
