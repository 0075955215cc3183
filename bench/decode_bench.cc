// Decoding of photographs as `triage data import folder` does it, decode and resize, against the code of before:
// libjpeg alone, every pixel decoded, one file after the other.
//   decode_bench DIRECTORY                                4,000 JPEG files under it, to 64x64
//   decode_bench DIRECTORY --images 1000 --side 128
//   decode_bench DIRECTORY --record results/ground.json   and the figures decode.*
// Both run in turns; each passes over all files. The ratio on one thread says what the decoding itself gained, the
// figure of record what an import gained.
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>  // needs both of them
// clang-format on

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csetjmp>
#include <string_view>
#include <thread>

#include "bench/bench_main.h"
#include "core/error.h"
#include "core/system/machine.h"
#include "data/image/load_images.h"

namespace {

using namespace triage;
using data::Image;

// The decoder and the resizing of before, kept here alone as the reference.
namespace before {

struct Reader {
  jpeg_error_mgr errors;
  jpeg_decompress_struct info;
  std::jmp_buf jump;
};

[[noreturn]] void on_error(j_common_ptr info) { std::longjmp(reinterpret_cast<Reader*>(info->err)->jump, 1); }

void on_message(j_common_ptr info, int level) {
  if (level < 0) on_error(info);
}

bool read_header(Reader& reader, const std::string& bytes) {
  if (setjmp(reader.jump)) return false;
  jpeg_create_decompress(&reader.info);
  jpeg_mem_src(&reader.info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
  jpeg_read_header(&reader.info, TRUE);
  return true;
}

bool read_pixels(Reader& reader, std::uint8_t* pixels, std::size_t row_bytes) {
  if (setjmp(reader.jump)) return false;
  jpeg_start_decompress(&reader.info);
  while (reader.info.output_scanline < reader.info.output_height) {
    JSAMPROW row = pixels + reader.info.output_scanline * row_bytes;
    jpeg_read_scanlines(&reader.info, &row, 1);
  }
  jpeg_finish_decompress(&reader.info);
  return true;
}

Image load(const fs::path& file) {
  const std::string bytes = read_file(file);
  Reader reader{};
  reader.info.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = on_error;
  reader.errors.emit_message = on_message;
  if (!read_header(reader, bytes)) fail("{}: unreadable", file.string());
  Image image{static_cast<int>(reader.info.image_height),
              static_cast<int>(reader.info.image_width),
              reader.info.num_components,
              {}};
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * image.channels;
  image.pixels.resize(row_bytes * image.height);
  reader.info.out_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  const bool done = read_pixels(reader, image.pixels.data(), row_bytes);
  jpeg_destroy_decompress(&reader.info);
  if (!done) fail("{}: unreadable", file.string());
  return image;
}

struct Tap {
  int from = 0;
  float weight = 0;
};

std::vector<std::vector<Tap>> make_taps(int in, int out) {
  std::vector<std::vector<Tap>> taps(out);
  const double scale = static_cast<double>(in) / out;
  for (int o = 0; o < out; ++o) {
    if (in > out) {
      const double low = o * scale, high = (o + 1) * scale;
      for (int i = static_cast<int>(low); i < in && i < high; ++i) {
        const double covered = std::min<double>(i + 1, high) - std::max<double>(i, low);
        if (covered > 1e-9) taps[o].push_back({i, static_cast<float>(covered / scale)});
      }
    } else {
      const double centre = (o + 0.5) * scale - 0.5;
      const int left = static_cast<int>(std::floor(centre));
      const auto share = static_cast<float>(centre - left);
      taps[o].push_back({std::clamp(left, 0, in - 1), 1 - share});
      if (share > 0) taps[o].push_back({std::clamp(left + 1, 0, in - 1), share});
    }
  }
  return taps;
}

Image resize(const Image& image, int height, int width) {
  const int channels = image.channels;
  const auto rows = make_taps(image.height, height), columns = make_taps(image.width, width);
  const std::size_t in_row = static_cast<std::size_t>(image.width) * channels;
  const std::size_t out_row = static_cast<std::size_t>(width) * channels;
  std::vector<float> line(in_row);
  Image out{height, width, channels, std::vector<std::uint8_t>(out_row * height)};
  for (int y = 0; y < height; ++y) {
    std::fill(line.begin(), line.end(), 0.0f);
    for (const Tap& tap : rows[y]) {
      const std::uint8_t* source = image.pixels.data() + tap.from * in_row;
      for (std::size_t i = 0; i < in_row; ++i) line[i] += tap.weight * static_cast<float>(source[i]);
    }
    std::uint8_t* target = out.pixels.data() + y * out_row;
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        float sum = 0;
        for (const Tap& tap : columns[x]) sum += tap.weight * line[static_cast<std::size_t>(tap.from) * channels + c];
        *target++ = static_cast<std::uint8_t>(std::clamp(sum + 0.5f, 0.0f, 255.0f));
      }
    }
  }
  return out;
}

}  // namespace before

std::vector<fs::path> find_images(const fs::path& directory, std::size_t count) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    const std::string extension = entry.path().extension().string();
    if (entry.is_regular_file() && (extension == ".jpg" || extension == ".jpeg" || extension == ".JPEG")) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  if (files.size() < count) fail("{}: {} JPEG files, expected {}", directory.string(), files.size(), count);
  if (count < files.size()) {  // of all classes
    std::vector<fs::path> some;
    for (std::size_t i = 0; i < count; ++i) some.push_back(files[i * files.size() / count]);
    files = std::move(some);
  }
  return files;
}

template <class Work>
double seconds_of(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Figure figure_of(const std::vector<double>& values, const char* unit) {
  return {.value = summarize(values).median, .unit = unit, .interval = {}, .n = static_cast<int>(values.size())};
}

int run(int argc, char** argv) {
  std::string directory, record;
  std::size_t count = 4000;
  int side = 64, rounds = 5;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto value = [&] {
      if (i + 1 == argc) fail("{}: expected a value", argument);
      return std::string(argv[++i]);
    };
    if (argument == "--images") {
      count = std::stoul(value());
    } else if (argument == "--side") {
      side = std::stoi(value());
    } else if (argument == "--rounds") {
      rounds = std::stoi(value());
    } else if (argument == "--record") {
      record = value();
    } else {
      directory = argument;
    }
  }
  if (directory.empty()) fail("usage: decode_bench DIRECTORY [--images N] [--side N] [--rounds N] [--record FILE]");
  const std::vector<fs::path> files = find_images(directory, count);
  const data::FitOptions fit{.height = side, .width = side, .fit = Fit::squash, .decode = {}};
  std::size_t bytes = 0, differing = 0, largest = 0;
  const auto old_pass = [&] {
    for (const fs::path& file : files) bytes += before::resize(before::load(file), side, side).pixels.size();
  };
  const auto new_pass = [&](int threads) {
    data::load_images(files, {.fit = fit, .threads = threads}, [&](std::size_t i, const data::Decoded& decoded) {
      if (!decoded.image) fail("{}: {}", files[i].string(), decoded.reason);
      bytes += decoded.image->pixels.size();
    });
  };
  for (const fs::path& file : files) {  // the same pixels but for rounding; reads all files into the page cache
    const Image old = before::resize(before::load(file), side, side);
    const data::Decoded now = data::try_load_resized(file, fit);
    if (!now.image || now.image->pixels.size() != old.pixels.size()) fail("{}: differs in size", file.string());
    for (std::size_t i = 0; i < old.pixels.size(); ++i) {
      const auto difference = static_cast<std::size_t>(std::abs(old.pixels[i] - now.image->pixels[i]));
      differing += difference > 3;
      largest = std::max(largest, difference);
    }
  }
  std::vector<double> speed_before, speed_now, speed_one, ratios, ratios_one;
  for (int round = 0; round < rounds; ++round) {
    const auto per_second = [&](double seconds) { return static_cast<double>(files.size()) / seconds; };
    speed_before.push_back(per_second(seconds_of(old_pass)));
    speed_one.push_back(per_second(seconds_of([&] { new_pass(1); })));
    speed_now.push_back(per_second(seconds_of([&] { new_pass(0); })));
    ratios.push_back(speed_now.back() / speed_before.back());
    ratios_one.push_back(speed_one.back() / speed_before.back());
  }
  std::printf("%zu images to %dx%d, %d rounds, medians\n", files.size(), side, side, rounds);
  std::printf("before, one after the other   %8.0f images/s\n", summarize(speed_before).median);
  std::printf("now, one decoding thread      %8.0f images/s   %.2f x\n", summarize(speed_one).median,
              summarize(ratios_one).median);
  std::printf("now, as import does it        %8.0f images/s   %.2f x\n", summarize(speed_now).median,
              summarize(ratios).median);
  std::printf("largest difference of a value %zu, above 3: %zu of %zu\n", largest, differing,
              files.size() * static_cast<std::size_t>(side) * side * 3);
  if (bytes == 0) fail("no pixels");
  if (!record.empty()) {
    std::string command = "decode_bench IMAGENETTE";
    if (side != 64) command += std::format(" --side {}", side);
    record_figures(record, command + " --record " + record,
                   {{"decode.speedup", figure_of(ratios, "x")},
                    {"decode.speedup_one_thread", figure_of(ratios_one, "x")},
                    {"decode.images_per_second", figure_of(speed_now, "1/s")}});
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return triage::bench::guarded("decode_bench", [&] { return run(argc, argv); });
}
