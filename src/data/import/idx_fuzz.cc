// Any bytes as an IDX file, raw or gzip: refused with an Error, or as many values as the sizes say.
#include <cstdlib>

#include "core/error.h"
#include "data/import/idx.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const int dimensions : {1, 3}) {
    try {
      const triage::data::Idx idx = triage::data::parse_idx({data, size}, dimensions, "idx");
      std::size_t count = 1;
      for (const std::uint32_t side : idx.sizes) count *= side;
      if (idx.values.size() != count) std::abort();
    } catch (const triage::Error&) {
    }
  }
  return 0;
}
