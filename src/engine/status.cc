#include "engine/status.h"

#include <new>

#include "core/files/file.h"

namespace triage::engine {

namespace {

std::string read_existing(const std::string& file) {
  try {
    return read_file(file, {.bytes = std::uint64_t{1} << 31});
  } catch (const FileError& error) {
    if (!error.missing()) throw;
    fail_with(ErrorCode::not_found, "{}: no such file", file);
  }
}

}  // namespace

std::string read_stage_file(const std::string& file, const std::string& sha256) {
  std::string bytes = read_existing(file);
  if (sha256.empty()) return bytes;
  if (const std::string found = sha256_hex(bytes); found != sha256) {
    fail_with(ErrorCode::damaged, "{}: sha256: found {}, expected {} (from plan.json)", file, found, sha256);
  }
  return bytes;
}

ErrorInfo current_error() noexcept {
  try {  // building a message can itself run out of memory
    try {
      throw;
    } catch (const Failure& failure) {
      return {failure.code, failure.what()};
    } catch (const FileError& error) {
      // No file can have a name that is too long.
      return {
          error.missing() || error.error == std::errc::filename_too_long ? ErrorCode::not_found : ErrorCode::unreadable,
          error.what()};
    } catch (const Error& error) {
      return {ErrorCode::damaged, error.what()};
    } catch (const std::bad_alloc&) {
      return {ErrorCode::out_of_memory, "out of memory"};
    } catch (const std::exception& exception) {
      return {ErrorCode::engine_failure, exception.what()};
    } catch (...) {
      return {ErrorCode::engine_failure, "an exception of unknown type"};
    }
  } catch (...) {
    return {ErrorCode::out_of_memory, "out of memory"};  // short enough to need no heap
  }
}

}  // namespace triage::engine
