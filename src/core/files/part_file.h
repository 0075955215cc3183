// A large file that is written in more than one run of a program: until commit() it is PATH.part, and what was synced
// is there after a kill or a crash of the machine. One process at a time has it.
#pragma once

#include "core/files/file.h"

namespace triage {

class PartFile {
 public:
  // Opens PATH.part with what is in it, or makes it. Throws Error where another process has it.
  explicit PartFile(fs::path path);
  ~PartFile();  // removes it, unless it was kept or committed
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  const fs::path& path() const { return part_; }
  std::uint64_t size() const { return size_; }
  void truncate(std::uint64_t bytes);
  void write(const void* data, std::size_t bytes);  // at the end
  void write_at(std::uint64_t offset, const void* data, std::size_t bytes);
  void read_at(std::uint64_t offset, void* data, std::size_t bytes) const;
  void sync();    // what was written stays, whatever happens
  void keep();    // for the next run
  void commit();  // synced, and named PATH

 private:
  fs::path path_, part_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
  bool stays_ = false;
};

}  // namespace triage
