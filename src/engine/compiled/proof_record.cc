#include "engine/compiled/proof_record.h"

#include <atomic>
#include <map>

#include "core/json.h"
#include "core/system/cpu.h"

namespace triage::engine {
namespace {

constexpr int kVersion = 1;
constexpr std::size_t kNameDigits = 16, kMaxBytes = std::size_t{16} << 20;

using Failures = std::map<std::string, std::string>;  // by program; empty: none

Failures read_record(const fs::path& file, const std::string& library, const std::string& cpu) {
  std::error_code error;
  if (!fs::is_regular_file(file, error) || fs::file_size(file, error) > kMaxBytes || error) return {};
  try {
    const Json json = read_json(file);
    const JsonReader reader(json, file.string());
    if (reader.get<int>("version") != kVersion || reader.get<std::string>("library_sha256") != library ||
        reader.get<std::string>("cpu_sha256") != cpu) {
      return {};
    }
    const JsonReader programs = reader.at("programs");
    if (!programs.json().is_object()) return {};
    Failures failures;
    for (const auto& [program, failure] : programs.json().items()) {
      if (failure.is_string()) failures[program] = failure.get<std::string>();
    }
    return failures;
  } catch (const Error&) {
    return {};  // damaged, or gone meanwhile
  }
}

// What could not be written. Never given back; without a lock, so that a fork finds it whole.
struct Remembered {
  std::string file, program, failure;
  const Remembered* next;
};
std::atomic<const Remembered*> remembered{nullptr};

}  // namespace

std::string cpu_identity() {
  std::string identity = cpu_name();
  for (const std::string& flag : cpu_flags()) identity += " " + flag;
  return identity;
}

ProofRecord::ProofRecord(const fs::path& library, const std::string& library_sha256, const std::string& cpu)
    : library_(library_sha256), cpu_(sha256_hex(cpu)), cpu_name_(cpu_name()) {
  file_ = library.string() + "." + sha256_hex(library_ + cpu_).substr(0, kNameDigits) + ".proof";
}

std::optional<std::string> ProofRecord::find(const std::string& program_sha256) const {
  const Failures failures = read_record(file_, library_, cpu_);
  if (const auto found = failures.find(program_sha256); found != failures.end()) return found->second;
  for (const Remembered* one = remembered.load(); one; one = one->next) {
    if (one->file == file_ && one->program == program_sha256) return one->failure;
  }
  return std::nullopt;
}

void ProofRecord::add(const std::string& program_sha256, const std::string& failure) const {
  Failures failures = read_record(file_, library_, cpu_);
  failures[program_sha256] = failure;
  try {
    write_json(file_, {{"version", kVersion},
                       {"library_sha256", library_},
                       {"cpu_sha256", cpu_},
                       {"cpu", cpu_name_},
                       {"programs", failures}});
  } catch (const Error&) {
    auto* const one = new Remembered{file_.string(), program_sha256, failure, remembered.load()};
    while (!remembered.compare_exchange_weak(one->next, one)) {
    }
  }
}

}  // namespace triage::engine
