// Structs that begin with their size as their caller was compiled: what an older or a newer caller hands in.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "engine/status.h"
#include "triage/classifier.h"

namespace triage::c {

// More is no size of a struct, but memory that nobody has set.
inline constexpr std::size_t kMostSize = 1 << 16;

// Throws Failure (bad_input) naming the struct. first_size: of the ABI's first version.
template <class T>
void check_size(const T* given, std::size_t first_size, const char* name) {
  if (!given) engine::fail_with(ErrorCode::bad_input, "{}: found NULL", name);
  if (given->struct_size < first_size || given->struct_size > kMostSize) {
    engine::fail_with(ErrorCode::bad_input, "{}: struct_size: found {}, expected sizeof, {} or more", name,
                      given->struct_size, first_size);
  }
}

// Fields that the caller does not have are those of `defaults`. Throws Failure: check_size(), and `unsupported` for
// fields that only the caller has and has set.
template <class T>
T read_sized(const T* given, const T& defaults, std::size_t first_size, const char* name) {
  check_size(given, first_size, name);
  const std::size_t size = given->struct_size;
  T known = defaults;
  std::memcpy(&known, given, std::min(size, sizeof(T)));
  const auto* const bytes = reinterpret_cast<const unsigned char*>(given);
  if (std::any_of(bytes + std::min(size, sizeof(T)), bytes + size, [](unsigned char byte) { return byte != 0; })) {
    engine::fail_with(ErrorCode::unsupported, "{}: struct_size: found {} with fields set beyond the {} of library {}",
                      name, size, sizeof(T), version());
  }
  return known;
}

// As much of `value` as the caller knows, all but the size; fields that only the caller has become 0.
template <class T>
void write_sized(T& given, const T& value) {
  const std::size_t size = given.struct_size, known = std::min(size, sizeof(T));
  auto* const bytes = reinterpret_cast<unsigned char*>(&given);
  const auto* const from = reinterpret_cast<const unsigned char*>(&value);
  std::copy(from + sizeof size, from + known, bytes + sizeof size);
  std::fill(bytes + known, bytes + size, static_cast<unsigned char>(0));
}

}  // namespace triage::c
