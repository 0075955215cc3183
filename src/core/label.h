// The class of an image: an index into the names of the classes. In files it takes as few bytes as the classes need.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace triage {

using Label = std::uint32_t;

// Bytes of a stored label: 1 up to 256 classes, 2 up to 65,536, else 4.
inline std::size_t label_bytes(std::size_t classes) { return classes <= 256 ? 1 : classes <= 65'536 ? 2 : 4; }

// Labels as they are stored, little-endian; those of up to 256 classes are one byte each.
inline std::string store_labels(std::span<const Label> labels, std::size_t classes) {
  const std::size_t bytes = label_bytes(classes);
  std::string stored(labels.size() * bytes, '\0');
  for (std::size_t i = 0; i < labels.size(); ++i) std::memcpy(stored.data() + i * bytes, &labels[i], bytes);
  return stored;
}

// `stored` holds whole labels of this many classes.
inline std::vector<Label> load_labels(std::span<const std::uint8_t> stored, std::size_t classes) {
  const std::size_t bytes = label_bytes(classes);
  std::vector<Label> labels(stored.size() / bytes);
  for (std::size_t i = 0; i < labels.size(); ++i) std::memcpy(&labels[i], stored.data() + i * bytes, bytes);
  return labels;
}

}  // namespace triage
