#include "apps/triage/options/image_options.h"

namespace triage::cli {

void add_image_options(CLI::App& app, ImageOptions& options, const std::string& fit_default) {
  options.given = {
      app.add_option_function<std::string>(
             "--fit", [&options](const std::string& name) { options.fit = fit_from_name(name); },
             "what becomes of another aspect ratio: squash changes it, crop takes the middle, pad adds black borders; "
             "default: " +
                 fit_default)
          ->check(CLI::IsMember({"squash", "crop", "pad"})),
      app.add_flag_callback(
          "--no-exif-orientation", [&options] { options.decode.exif_orientation = false; },
          "images as they lie in the file, not turned as a camera noted"),
      app.add_option("--max-megapixels", options.decode.max_megapixels, "larger images are refused")
          ->check(CLI::Range(0.001, 65536.0))
          ->capture_default_str()};
}

}  // namespace triage::cli
