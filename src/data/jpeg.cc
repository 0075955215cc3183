// libjpeg reports through longjmp, so each step that can fail is a function without objects to destroy.
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>  // needs both of them
// clang-format on

#include <csetjmp>

#include "core/error.h"
#include "data/codec.h"

namespace triage::data {
namespace {

constexpr int kMaxScans = 500;  // a progressive file of a few kilobytes can ask for hours of passes

struct JpegReader {
  jpeg_error_mgr errors;  // first: libjpeg hands back a pointer to it
  jpeg_progress_mgr progress;
  jpeg_decompress_struct info;
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

JpegReader* reader_of(j_common_ptr info) { return reinterpret_cast<JpegReader*>(info->err); }

[[noreturn]] void on_error(j_common_ptr info) {
  info->err->format_message(info, reader_of(info)->message);
  std::longjmp(reader_of(info)->jump, 1);
}

void on_message(j_common_ptr info, int level) {
  if (level < 0) on_error(info);  // a warning: the data is corrupt; traces (level >= 0) are dropped
}

void on_progress(j_common_ptr info) {
  auto* decoder = reinterpret_cast<j_decompress_ptr>(info);
  if (decoder->input_scan_number <= kMaxScans) return;
  std::snprintf(reader_of(info)->message, JMSG_LENGTH_MAX, "more than %d scans", kMaxScans);
  std::longjmp(reader_of(info)->jump, 1);
}

bool read_header(JpegReader& reader, const std::uint8_t* bytes, std::size_t size) {
  if (setjmp(reader.jump)) return false;
  jpeg_create_decompress(&reader.info);
  reader.info.progress = &reader.progress;
  jpeg_mem_src(&reader.info, bytes, size);
  jpeg_read_header(&reader.info, TRUE);
  return true;
}

bool read_pixels(JpegReader& reader, std::uint8_t* pixels, std::size_t row_bytes) {
  if (setjmp(reader.jump)) return false;
  jpeg_start_decompress(&reader.info);
  while (reader.info.output_scanline < reader.info.output_height) {
    JSAMPROW row = pixels + reader.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&reader.info, &row, 1);
  }
  jpeg_finish_decompress(&reader.info);
  return true;
}

struct DestroyJpeg {
  jpeg_decompress_struct* info;
  ~DestroyJpeg() { jpeg_destroy_decompress(info); }
};

}  // namespace

Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& origin) {
  JpegReader reader{};
  reader.info.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = on_error;
  reader.errors.emit_message = on_message;
  reader.progress.progress_monitor = on_progress;
  const DestroyJpeg destroy{&reader.info};
  if (!read_header(reader, bytes.data(), bytes.size())) fail("{}: unreadable JPEG: {}", origin, reader.message);
  jpeg_decompress_struct& info = reader.info;
  if (info.num_components != 1 && info.num_components != 3) {
    fail("{}: JPEG with {} colour components, expected 1 (grey) or 3 (colour)", origin, info.num_components);
  }
  if (std::uint64_t{info.image_width} * info.image_height > kMaxPixels) {
    fail("{}: {}x{} pixels, expected at most 64 megapixels", origin, info.image_height, info.image_width);
  }
  Image image{static_cast<int>(info.image_height), static_cast<int>(info.image_width), info.num_components, {}};
  info.out_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * image.channels;
  image.pixels.resize(row_bytes * image.height);
  if (!read_pixels(reader, image.pixels.data(), row_bytes)) fail("{}: unreadable JPEG: {}", origin, reader.message);
  return image;
}

}  // namespace triage::data
