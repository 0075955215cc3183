// ProofRecord: what trials of a library's programs on a CPU have shown, kept beside the library.
#pragma once

#include <optional>
#include <string>

#include "core/files/file.h"

namespace triage::engine {

// A CPU as far as the code that it can run goes: its name and all its flags.
std::string cpu_identity();

class ProofRecord {
 public:
  // library: its file. The record is LIBRARY.<hash of the library and the CPU>.proof (docs/formats.md).
  ProofRecord(const fs::path& library, const std::string& library_sha256, const std::string& cpu);

  // Of the program whose file has that SHA-256: how its trial failed, empty: it did not; nothing: it was not tried. A
  // record that cannot be read knows nothing.
  std::optional<std::string> find(const std::string& program_sha256) const;

  // Where the record cannot be written, this process remembers. Of processes that add at once one may be lost: its
  // program is tried again. Thread-safe.
  void add(const std::string& program_sha256, const std::string& failure) const;

  const fs::path& file() const { return file_; }

 private:
  fs::path file_;
  std::string library_, cpu_;  // SHA-256
  std::string cpu_name_;
};

}  // namespace triage::engine
