// What is asked of a device, and of the program for it, before anything is measured there.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "remote/ssh.h"

namespace triage::remote {

// The machine of a 64-bit little-endian ELF file as `uname -m` calls it: "x86_64", "aarch64", "machine N" for others;
// empty for what is no such file.
std::string elf_architecture(const fs::path& file);

// Reads from its input the files that are wanted, a line each; makes the folders of the work directory $1. Its answer
// is read by parse_inspection.
extern const char* const kInspectScript;

struct Inspection {
  std::string architecture;
  std::uint64_t free_kb = 0;
  std::set<std::string> have;
};
Inspection parse_inspection(const std::string& answer, const std::string& device);  // throws DeviceError

// Throw DeviceError. need_bytes: what is still to be copied there.
void check_architecture(const Device& device, const std::string& found);
void check_program(const Device& device);
void check_disk(const Device& device, const Inspection& inspection, std::uint64_t need_bytes);

// answer: of `triage-measure --version`.
void check_version(const Device& device, const std::string& answer, const std::string& provider);

}  // namespace triage::remote
