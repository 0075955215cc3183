// The memory that preprocessing works in. One for each thread; any Preprocessor may use it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "preprocess/axis.h"

namespace triage::preprocess {

class Scratch {
 public:
  // The table of a key: made once and kept while fewer than kTables others are asked for. The last two stay valid.
  const AxisTable& table(const AxisKey& key);

  std::vector<std::uint8_t> grey;   // the image in grey
  std::vector<std::uint8_t> rows;   // the image resized along its rows
  std::vector<float> precise_rows;  // the same, not rounded
  std::vector<std::uint8_t> work;   // of ResizeKernels::across
  std::vector<std::uint8_t> line;   // a row of the output

 private:
  static constexpr std::size_t kTables = 32;
  struct Kept {
    AxisTable table;
    std::uint64_t used = 0;  // when; 0: never
  };
  std::array<Kept, kTables> kept_;
  std::uint64_t time_ = 0;
  std::size_t most_first_ = 0, most_weights_ = 0, most_one_ = 0;  // elements that a table had so far
};

}  // namespace triage::preprocess
