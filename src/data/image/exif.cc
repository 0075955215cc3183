// Orientation from EXIF, the only field of it that is read.
#include "data/image/codec.h"

namespace triage::data {

int exif_orientation(ByteSpan exif) {
  constexpr std::uint32_t kOrientation = 0x112, kShort = 3;
  static constexpr std::uint8_t kPrefix[] = {'E', 'x', 'i', 'f', 0, 0};
  if (exif.size() >= 6 && std::equal(exif.begin(), exif.begin() + 6, kPrefix)) exif = exif.subspan(6);
  if (exif.size() < 8 || exif[0] != exif[1] || (exif[0] != 'I' && exif[0] != 'M')) return 1;
  const ByteReader reader(exif, exif[0] == 'M');
  try {
    const std::size_t directory = reader.u32(4);
    const std::uint32_t count = reader.u16(directory);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::size_t entry = directory + 2 + std::size_t{12} * i;
      if (reader.u16(entry) != kOrientation || reader.u16(entry + 2) != kShort) continue;
      const std::uint32_t value = reader.u16(entry + 8);
      return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
    }
  } catch (const Undecodable&) {
    return 1;  // a cut EXIF block says nothing of the pixels
  }
  return 1;
}

}  // namespace triage::data
