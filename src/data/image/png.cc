// libpng reports through longjmp, so each step that can fail is a function without objects to destroy.
#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>

#include "core/error.h"
#include "data/image/codec.h"

namespace triage::data {
namespace {

struct PngState {
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::span<const std::uint8_t> rest;           // reading
  std::vector<std::uint8_t>* output = nullptr;  // writing
  bool ended = false;                           // reading went behind the last byte
  char message[160] = "";
};

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto* state = static_cast<PngState*>(png_get_error_ptr(png));
  std::snprintf(state->message, sizeof state->message, "%s", text);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}  // about profiles and text; damaged pixels are errors

void read_bytes(png_structp png, png_bytep to, std::size_t count) {
  auto* state = static_cast<PngState*>(png_get_io_ptr(png));
  if (count > state->rest.size()) {
    state->ended = true;
    png_error(png, "the file ends early");
  }
  std::memcpy(to, state->rest.data(), count);
  state->rest = state->rest.subspan(count);
}

void write_bytes(png_structp png, png_bytep from, std::size_t count) {
  auto* state = static_cast<PngState*>(png_get_io_ptr(png));
  state->output->insert(state->output->end(), from, from + count);
}

void flush_bytes(png_structp) {}

struct PngHeader {
  png_uint_32 width = 0, height = 0;
  int channels = 0, passes = 1;  // as decoded: 1, 2 (grey and alpha), 3 or 4
};

bool read_header(PngState& state, PngHeader& header) {
  if (setjmp(png_jmpbuf(state.png))) return false;
  png_set_read_fn(state.png, &state, read_bytes);
  png_set_user_limits(state.png, 1u << 20, 1u << 20);
  png_set_chunk_malloc_max(state.png, 8u << 20);
  png_read_info(state.png, state.info);
  header.width = png_get_image_width(state.png, state.info);
  header.height = png_get_image_height(state.png, state.info);
  png_set_expand(state.png);    // palettes to colour, few bits to 8, transparency to alpha
  png_set_scale_16(state.png);  // 16 bit to 8, rounded
  header.passes = png_set_interlace_handling(state.png);
  png_read_update_info(state.png, state.info);
  header.channels = png_get_channels(state.png, state.info);
  return true;
}

bool read_rows(PngState& state, const PngHeader& header, std::uint8_t* pixels) {
  if (setjmp(png_jmpbuf(state.png))) return false;
  const std::size_t row_bytes = std::size_t{header.width} * header.channels;
  for (int pass = 0; pass < header.passes; ++pass) {
    for (png_uint_32 y = 0; y < header.height; ++y) png_read_row(state.png, pixels + y * row_bytes, nullptr);
  }
  return true;
}

// The chunks behind the pixels, and the checksum of the last one with pixels.
bool read_rest(PngState& state) {
  if (setjmp(png_jmpbuf(state.png))) return false;
  png_read_end(state.png, state.info);
  return true;
}

int orientation_of(const PngState& state) {
  png_uint_32 size = 0;
  png_bytep data = nullptr;
  if (png_get_eXIf_1(state.png, state.info, &size, &data) == 0) return 1;
  return exif_orientation({data, size});
}

bool write_image(PngState& state, const Image& image) {
  if (setjmp(png_jmpbuf(state.png))) return false;
  png_set_write_fn(state.png, &state, write_bytes, flush_bytes);
  png_set_IHDR(state.png, state.info, image.width, image.height, 8,
               image.channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(state.png, state.info);
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * image.channels;
  for (int y = 0; y < image.height; ++y) png_write_row(state.png, image.pixels.data() + y * row_bytes);
  png_write_end(state.png, state.info);
  return true;
}

struct DestroyPng {
  PngState* state;
  bool reading;
  ~DestroyPng() {
    if (reading) {
      png_destroy_read_struct(&state->png, &state->info, nullptr);
    } else {
      png_destroy_write_struct(&state->png, &state->info);
    }
  }
};

}  // namespace

Raw decode_png(ByteSpan bytes, const DecodeOptions& options) {
  PngState state;
  state.rest = bytes;
  const DestroyPng destroy{&state, true};
  state.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
  state.info = state.png ? png_create_info_struct(state.png) : nullptr;
  if (state.info == nullptr) throw std::bad_alloc();
  const auto check = [&](bool done) {
    if (!done) throw Undecodable{DecodeFailure::damaged, state.message};
  };
  PngHeader header;
  check(read_header(state, header));
  check_size(header.height, header.width, options);
  std::vector<std::uint8_t> pixels(std::size_t{header.width} * header.height * header.channels);
  check(read_rows(state, header, pixels.data()));
  check(read_rest(state) || state.ended);  // all pixels are there: a file that ends now has lost nothing
  Raw raw{{static_cast<int>(header.height), static_cast<int>(header.width), header.channels, {}},
          orientation_of(state)};
  if (header.channels == 2 || header.channels == 4) {
    --raw.image.channels;
    raw.image.pixels = compose_on_white(pixels, raw.image.channels);
  } else {
    raw.image.pixels = std::move(pixels);
  }
  return raw;
}

std::vector<std::uint8_t> encode_png(const Image& image) {
  const auto expected = static_cast<std::size_t>(std::max(image.height, 0)) * std::max(image.width, 0) * image.channels;
  if ((image.channels != 1 && image.channels != 3) || expected == 0 || image.pixels.size() != expected) {
    fail("encode_png: {} bytes for {}x{}x{} pixels, expected 1 or 3 channels and matching bytes", image.pixels.size(),
         image.height, image.width, image.channels);
  }
  PngState state;
  std::vector<std::uint8_t> output;
  state.output = &output;
  const DestroyPng destroy{&state, false};
  state.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &state, on_error, on_warning);
  state.info = state.png ? png_create_info_struct(state.png) : nullptr;
  if (state.info == nullptr) fail("encode_png: out of memory in libpng");
  if (!write_image(state, image)) fail("encode_png: {}", state.message);
  return output;
}

}  // namespace triage::data
