// Inside core/files: the writing of its files.
#pragma once

#include "core/files/file.h"

namespace triage {

// offset < 0: at the file's position. path: for errors. Throws Error where not all bytes are stored.
void write_all(int fd, const void* data, std::size_t bytes, std::int64_t offset, const fs::path& path);

}  // namespace triage
