// How photographs are read and brought to size: the options that `data import folder` and `predict` share.
#pragma once

#include <optional>
#include <vector>

#include "apps/triage/program/command.h"
#include "data/image/resize.h"

namespace triage::cli {

struct ImageOptions {
  std::optional<Fit> fit;  // none: not given
  data::DecodeOptions decode;
  std::vector<const CLI::Option*> given;  // all of them, to ask for their count
};
// fit_default: what the help says of --fit without a value.
void add_image_options(CLI::App& app, ImageOptions& options, const std::string& fit_default);

}  // namespace triage::cli
