// libjpeg reports through longjmp, so each step that can fail is a function without objects to destroy.
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>  // needs both of them
#include <jerror.h>
// clang-format on

#include <csetjmp>

#include "data/image/codec.h"

namespace triage::data {
namespace {

// A progressive file of a few kilobytes can ask for hours of passes: fewer are allowed to larger images.
constexpr int kMaxScans = 500, kAllowedScans = 25;
constexpr std::uint64_t kMaxScannedPixels = std::uint64_t{1} << 31;

struct JpegReader {
  jpeg_error_mgr errors;  // first: libjpeg hands back a pointer to it
  jpeg_progress_mgr progress;
  jpeg_decompress_struct info;
  std::jmp_buf jump;
  int max_scans;
  DecodeFailure failure;
  char message[JMSG_LENGTH_MAX];
};

JpegReader* reader_of(j_common_ptr info) { return reinterpret_cast<JpegReader*>(info->err); }

[[noreturn]] void on_error(j_common_ptr info) {
  JpegReader* reader = reader_of(info);
  switch (info->err->msg_code) {
    case JERR_ARITH_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_NOTIMPL:
    case JERR_SOF_UNSUPPORTED:
      reader->failure = DecodeFailure::unsupported;
      break;
    case JERR_BAD_PRECISION:
      reader->failure = DecodeFailure::unsupported;
      std::snprintf(reader->message, JMSG_LENGTH_MAX, "%d bits per sample, expected 8", info->err->msg_parm.i[0]);
      std::longjmp(reader->jump, 1);
    case JERR_IMAGE_TOO_BIG:
    case JERR_OUT_OF_MEMORY:
    case JERR_WIDTH_OVERFLOW:
      reader->failure = DecodeFailure::too_large;
      break;
    default:
      reader->failure = DecodeFailure::damaged;
  }
  info->err->format_message(info, reader->message);
  std::longjmp(reader->jump, 1);
}

// Warnings after which all pixels are still there: odd headers, versions and markers, bytes that nobody asked for. But
// bytes left over in front of a restart marker (0xd0 to 0xd7) mean that the interval was decoded wrong.
bool is_harmless(const jpeg_error_mgr& errors) {
  switch (errors.msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_JFIF_MAJOR:
      return true;
    case JWRN_EXTRANEOUS_DATA:
      return (errors.msg_parm.i[1] & 0xf8) != 0xd0;
    default:
      return false;
  }
}

void on_message(j_common_ptr info, int level) {
  if (level < 0 && !is_harmless(*info->err)) on_error(info);  // traces (level >= 0) are dropped
}

void on_progress(j_common_ptr info) {
  JpegReader* reader = reader_of(info);
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= reader->max_scans) return;
  reader->failure = DecodeFailure::damaged;
  std::snprintf(reader->message, JMSG_LENGTH_MAX, "more than %d scans", reader->max_scans);
  std::longjmp(reader->jump, 1);
}

bool read_header(JpegReader& reader, const std::uint8_t* bytes, std::size_t size) {
  if (setjmp(reader.jump)) return false;
  jpeg_create_decompress(&reader.info);
  reader.info.progress = &reader.progress;
  jpeg_mem_src(&reader.info, bytes, size);
  jpeg_save_markers(&reader.info, JPEG_APP0 + 1, 0xffff);  // EXIF
  jpeg_read_header(&reader.info, TRUE);
  return true;
}

bool start(JpegReader& reader) {
  if (setjmp(reader.jump)) return false;
  jpeg_start_decompress(&reader.info);
  return true;
}

bool read_pixels(JpegReader& reader, std::uint8_t* pixels, std::size_t row_bytes) {
  if (setjmp(reader.jump)) return false;
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

int orientation_of(const jpeg_decompress_struct& info) {
  static constexpr std::uint8_t kExif[] = {'E', 'x', 'i', 'f', 0, 0};
  for (auto marker = info.marker_list; marker != nullptr; marker = marker->next) {
    const ByteSpan data(marker->data, marker->data_length);
    if (data.size() > 6 && std::equal(std::begin(kExif), std::end(kExif), data.begin())) return exif_orientation(data);
  }
  return 1;
}

// The largest fraction 1/8 to 1/2 that leaves twice the target, in the image as it lies in the file.
unsigned denominator(std::uint64_t height, std::uint64_t width, int orientation, const DecodeOptions& options) {
  if (options.target_height <= 0 || options.target_width <= 0) return 1;
  if (options.exif_orientation && orientation >= 5) std::swap(height, width);
  for (const unsigned fraction : {8u, 4u, 2u}) {
    const std::uint64_t factor = std::uint64_t{2} * fraction;
    if (height >= factor * options.target_height && width >= factor * options.target_width) return fraction;
  }
  return 1;
}

// Adobe's inverted CMYK: 255 is no ink.
std::vector<std::uint8_t> from_cmyk(ByteSpan in) {
  std::vector<std::uint8_t> out(in.size() / 4 * 3);
  for (std::size_t i = 0, o = 0; o < out.size(); i += 4) {
    for (std::size_t c = 0; c < 3; ++c) out[o++] = static_cast<std::uint8_t>((in[i + c] * in[i + 3] + 127) / 255);
  }
  return out;
}

}  // namespace

Raw decode_jpeg(ByteSpan bytes, const DecodeOptions& options) {
  JpegReader reader{};
  reader.max_scans = kMaxScans;
  reader.info.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = on_error;
  reader.errors.emit_message = on_message;
  reader.progress.progress_monitor = on_progress;
  const DestroyJpeg destroy{&reader.info};
  const auto check = [&](bool done) {
    if (!done) throw Undecodable{reader.failure, reader.message};
  };
  check(read_header(reader, bytes.data(), bytes.size()));
  jpeg_decompress_struct& info = reader.info;
  check_size(info.image_height, info.image_width, options);
  if (info.data_precision != 8) {
    give_up(DecodeFailure::unsupported, "{} bits per sample, expected 8", info.data_precision);
  }
  if (info.num_components != 1 && info.num_components != 3 && info.num_components != 4) {
    give_up(DecodeFailure::unsupported, "{} colour components, expected 1, 3 or 4", info.num_components);
  }
  const std::uint64_t scans = kMaxScannedPixels / (std::uint64_t{info.image_width} * info.image_height);
  reader.max_scans = static_cast<int>(std::clamp<std::uint64_t>(scans, kAllowedScans, kMaxScans));
  Raw raw;
  raw.orientation = orientation_of(info);
  info.scale_num = 1;
  info.scale_denom = denominator(info.image_height, info.image_width, raw.orientation, options);
  const int channels = info.num_components;
  info.out_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  check(start(reader));
  raw.image = {static_cast<int>(info.output_height), static_cast<int>(info.output_width), channels, {}};
  const std::size_t row_bytes = std::size_t{info.output_width} * channels;
  raw.image.pixels.resize(row_bytes * info.output_height);
  check(read_pixels(reader, raw.image.pixels.data(), row_bytes));
  if (channels == 4) {
    raw.image.channels = 3;
    raw.image.pixels = from_cmyk(raw.image.pixels);
  }
  return raw;
}

}  // namespace triage::data
