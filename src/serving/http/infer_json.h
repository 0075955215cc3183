// Inside serving/http: the JSON of an infer request, read without a tree for its numbers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace triage::serving {

struct InferData {  // of one input's "data", flat
  bool present = false;
  std::vector<std::uint8_t> numbers;               // whole ones from 0 to 255
  std::vector<std::vector<std::uint8_t>> strings;  // base64, decoded
};

struct InferJson {
  Json tree;                    // all but the data
  std::vector<InferData> data;  // one for each input
};

// Throws ProtocolError (400). Memory: at most 2 bytes for each byte of `text`, and some kilobytes.
InferJson parse_infer_json(std::string_view text);

}  // namespace triage::serving
