// A grid of real images, enlarged without smoothing, with true label, answer, exit and score below each.
#include <algorithm>

#include "report/draw/draw.h"
#include "report/draw/figures.h"
#include "report/draw/picture_text.h"

namespace triage::report {
namespace {

constexpr int kColumns = 6, kRatio = 2;            // device pixels per CSS pixel, as script_head() has it
constexpr int kTile = 160, kFrame = 3, kGap = 20;  // CSS pixels
constexpr int kCaption = 62, kTop = 46, kSide = 22;
constexpr std::size_t kCaptionCharacters = 22;

struct Canvas {  // [height, width, 3]
  int width, height;
  std::string pixels;
  Canvas(int w, int h, const std::string& color) : width(w), height(h), pixels(static_cast<std::size_t>(w) * h * 3, 0) {
    fill(0, 0, w, h, color);
  }
  void fill(int x0, int y0, int w, int h, const std::string& color) {
    char rgb[3];
    for (int c = 0; c < 3; ++c) rgb[c] = static_cast<char>(std::stoi(color.substr(1 + 2 * c, 2), nullptr, 16));
    for (int y = y0; y < y0 + h; ++y) {
      for (int x = x0; x < x0 + w; ++x)
        std::copy_n(rgb, 3, pixels.begin() + (static_cast<std::size_t>(y) * width + x) * 3);
    }
  }
  // Nearest neighbour into a square.
  void paste(const ExampleImage& image, int x0, int y0, int side) {
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const std::size_t from =
            (static_cast<std::size_t>(y * image.height / side) * image.width + x * image.width / side) * image.channels;
        for (int c = 0; c < 3; ++c) {
          pixels[(static_cast<std::size_t>(y0 + y) * width + x0 + x) * 3 + c] =
              static_cast<char>(image.pixels[from + (image.channels >= 3 ? c : 0)]);
        }
      }
    }
  }
};

std::string draw(const std::vector<ExampleImage>& images, const Run& run, const Picture& picture, const Theme& theme) {
  const Results& results = run.results;
  Canvas canvas(picture.width * kRatio, picture.height * kRatio, theme.background);
  Script script;
  script.add("unset border\nunset tics\nunset key\nunset xlabel\nunset ylabel\nunset grid");
  script.add("set lmargin 0\nset rmargin 0\nset tmargin 0\nset bmargin 0");
  script.add("set xrange [-0.5:{}.5]\nset yrange [{}.5:-0.5]", canvas.width - 1, canvas.height - 1);
  int tag = 0;
  const auto text = [&](const std::string& line, int x, int y, const std::string& color, const char* font) {
    script.add("set label {} {} at {},{} left front font '{}' textcolor rgb '{}' noenhanced", ++tag, words(line),
               x * kRatio, y * kRatio, font, color);
  };
  text(picture.title, kSide, kTop / 2, theme.text, "DejaVu Sans:Bold,12");
  const int step = (picture.width - 2 * kSide + kGap) / kColumns;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const Example& example = images[i].example;
    const int x = kSide + static_cast<int>(i % kColumns) * step;
    const int y = kTop + static_cast<int>(i / kColumns) * (kTile + kCaption + kGap);
    const std::string exit = stage_color(theme, example.exit, results.plan.stages.size());
    canvas.fill(x * kRatio, y * kRatio, kTile * kRatio, kTile * kRatio, exit);
    canvas.paste(images[i], (x + kFrame) * kRatio, (y + kFrame) * kRatio, (kTile - 2 * kFrame) * kRatio);
    const bool right = example.label == example.predicted;
    text(shortened(drawable(results.plan.classes[example.label]), kCaptionCharacters), x, y + kTile + 13, theme.text,
         "DejaVu Sans:Bold,9.5");
    text(shortened((right ? "✓ " : "✗ ") + drawable(results.plan.classes[example.predicted]), kCaptionCharacters), x,
         y + kTile + 31, right ? theme.good : theme.bad, "DejaVu Sans,9.5");
    text(shortened(std::format("{}, score {:.3f}", results.plan.stages[example.exit].name, example.score),
                   kCaptionCharacters),
         x, y + kTile + 49, exit, "DejaVu Sans,9.5");
  }
  return script
      .add("plot '-' binary array=({},{}) format='%uchar' using 1:2:3 with rgbimage", canvas.width, canvas.height)
      .raw(canvas.pixels)
      .text();
}

}  // namespace

Drawing examples_drawing(const std::string& name, const std::string& title, const std::string& how_to_read,
                         std::vector<ExampleImage> images) {
  const int rows = static_cast<int>((images.size() + kColumns - 1) / kColumns);
  return {{name, title, how_to_read, 1120, kTop + rows * (kTile + kCaption + kGap)},
          [images = std::move(images)](const Run& run, const Picture& picture, const Theme& theme) {
            return draw(images, run, picture, theme);
          }};
}

}  // namespace triage::report
