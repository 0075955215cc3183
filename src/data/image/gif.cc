#include <gif_lib.h>

#include <cstring>
#include <memory>

#include "data/image/codec.h"

namespace triage::data {
namespace {

struct GifSource {
  ByteSpan rest;
  bool ended = false;
};

// At the end of the bytes comes one empty block: a file without its last two bytes, which end the image and the file,
// has lost nothing.
int read_gif(GifFileType* gif, GifByteType* to, int count) {
  auto* source = static_cast<GifSource*>(gif->UserData);
  if (source->rest.empty() && count == 1 && !source->ended) {
    source->ended = true;
    *to = 0;
    return 1;
  }
  const std::size_t got = std::min(source->rest.size(), static_cast<std::size_t>(std::max(count, 0)));
  if (got > 0) std::memcpy(to, source->rest.data(), got);
  source->rest = source->rest.subspan(got);
  return static_cast<int>(got);
}

void close_gif(GifFileType* gif) { DGifCloseFile(gif, nullptr); }

[[noreturn]] void refuse_gif(int code) {
  const char* text = GifErrorString(code);
  give_up(DecodeFailure::damaged, "{}", text != nullptr ? text : "corrupt data");
}

// Goes to the first image; the palette's entry that is transparent in it, or NO_TRANSPARENT_COLOR.
int find_image(GifFileType& gif) {
  int transparent = NO_TRANSPARENT_COLOR;
  while (true) {
    GifRecordType type = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(&gif, &type) != GIF_OK) refuse_gif(gif.Error);
    if (type == IMAGE_DESC_RECORD_TYPE) return transparent;
    if (type == TERMINATE_RECORD_TYPE) give_up(DecodeFailure::damaged, "no image in it");
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(&gif, &code, &block) != GIF_OK) refuse_gif(gif.Error);
    while (block != nullptr) {
      GraphicsControlBlock control;
      if (code == GRAPHICS_EXT_FUNC_CODE && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK) {
        transparent = control.TransparentColor;
      }
      if (DGifGetExtensionNext(&gif, &block) != GIF_OK) refuse_gif(gif.Error);
    }
  }
}

// Row `i` of an image as it comes -> where it belongs.
int row_of(int i, int height, bool interlaced) {
  if (!interlaced) return i;
  static constexpr int kFirst[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
  for (int pass = 0; pass < 4; ++pass) {
    const int rows = (height - kFirst[pass] + kStep[pass] - 1) / kStep[pass];
    if (i < rows) return kFirst[pass] + i * kStep[pass];
    i -= std::max(rows, 0);
  }
  return height - 1;
}

}  // namespace

Raw decode_gif(ByteSpan bytes, const DecodeOptions& options) {
  GifSource source{bytes};
  int error = 0;
  const std::unique_ptr<GifFileType, void (*)(GifFileType*)> gif(DGifOpen(&source, read_gif, &error), close_gif);
  if (!gif) refuse_gif(error);
  const int transparent = find_image(*gif);
  if (DGifGetImageDesc(gif.get()) != GIF_OK) refuse_gif(gif->Error);
  const GifImageDesc& frame = gif->Image;
  const ColorMapObject* map = frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap;
  if (map == nullptr) give_up(DecodeFailure::damaged, "no palette");
  if (frame.Width <= 0 || frame.Height <= 0) give_up(DecodeFailure::damaged, "an empty frame");
  const int height = std::max(gif->SHeight, frame.Top + frame.Height);
  const int width = std::max(gif->SWidth, frame.Left + frame.Width);
  check_size(static_cast<std::uint64_t>(height), static_cast<std::uint64_t>(width), options);

  // Around the frame: transparent, or the palette's first entry.
  const int outside = transparent >= 0 ? transparent : 0;
  std::vector<std::uint8_t> indices(static_cast<std::size_t>(height) * width, static_cast<std::uint8_t>(outside));
  for (int i = 0; i < frame.Height; ++i) {
    const int y = frame.Top + row_of(i, frame.Height, frame.Interlace);
    std::uint8_t* row = &indices[static_cast<std::size_t>(y) * width + frame.Left];
    if (DGifGetLine(gif.get(), row, frame.Width) != GIF_OK) refuse_gif(gif->Error);
  }
  std::uint8_t colours[256][3] = {};  // entries that are missing are black
  for (int i = 0; i < std::min(map->ColorCount, 256); ++i) {
    const GifColorType& colour = map->Colors[i];
    colours[i][0] = colour.Red;
    colours[i][1] = colour.Green;
    colours[i][2] = colour.Blue;
  }
  if (transparent >= 0 && transparent < 256) std::fill_n(colours[transparent], 3, 255);  // on white
  Raw raw{{height, width, 3, {}}};
  raw.image.pixels.reserve(indices.size() * 3);
  for (const std::uint8_t index : indices) {
    raw.image.pixels.insert(raw.image.pixels.end(), colours[index], colours[index] + 3);
  }
  return raw;
}

}  // namespace triage::data
