#include "workflow/suggest/initial_config.h"

#include <format>

#include "core/json.h"
#include "core/text.h"
#include "family/arch.h"
#include "train/options.h"

namespace triage::workflow {
namespace {

constexpr int kPhotographs = 48;  // pixels from which images are cropped, not shifted
constexpr int kValidations = 20;  // of a training: each takes a tenth of an epoch of a small set

std::string quoted(const std::string& text) { return Json(text).dump(); }  // as TOML has it, too

std::string augment_text(int side) {
  if (side >= kPhotographs)
    return "shift = 0\ncrop_area = 0.35                        # random crops, from this share of the image\n"
           "trivial_augment = 0.5                   # 0: where colours or directions tell the classes apart\n";
  return std::format("shift = {}\ncutout = {}\n", side / 8, side / 4);
}

// The family's own rate, in proportion to the batch (Goyal et al. 2017).
double rate_of(const std::string& arch, int batch) {
  const train::TrainOptions own = train::family_defaults(family::ArchSpec::parse(arch).family == family::kPlain);
  return own.lr * batch / own.batch;
}

// Of [data], what stands behind the file.
std::string route_text(std::size_t route) {
  return route == 0 ? "" : std::format("route = {}                              # as many as a router needs\n", route);
}

// The images keep their left and right: a comment for those whose do not.
std::string stage_text(const InitialConfig& config, const char* name, const TrainableNet& net) {
  std::string text = std::format(
      "\n[[stage]]                               # {:.1f} MMAC, {:.0f} us an image, trained at {:.0f} images/s\n"
      "name = \"{}\"\narch = {}\n",
      static_cast<double>(net.net.macs) / 1e6, net.net.latency_us, net.images_per_second, name, quoted(net.net.arch));
  const bool little = std::string_view(name) == "little";
  if (little) text += "teacher = \"big\"\n";
  const int epochs = config.choice.epochs;
  text += std::format("epochs = {}\nbatch = {}\nlr = {:.4g}\n", epochs, config.choice.batch,
                      rate_of(net.net.arch, config.choice.batch));
  if (epochs >= 2 * kValidations) text += std::format("validate_every = {}\n", epochs / kValidations);
  text +=
      "[stage.augment]                         # flip = false: for letters, digits, signs, whatever a mirror changes\n";
  text += augment_text(config.side);
  if (little) text += std::format("[stage.distill]\nviews = {}\n", teacher_views(epochs));
  return text;
}

}  // namespace

std::string initial_config_text(const InitialConfig& config) {
  const InitialChoice& choice = config.choice;
  std::string text = std::format("# A first run of {}, by `triage init`. `triage run` with this file repeats it.\n",
                                 printable_line(config.name));
  for (const std::string& note : config.notes) text += "# " + printable_line(note) + "\n";
  text += std::format(
      "# Nets: of the presets for such images the largest pair that this machine trains for {} epochs in {:.0f} "
      "minutes; {} images\n"
      "# want about {}{}. A plan of them takes about {:.1f} us in the mean if a quarter of the images go on.\n",
      choice.epochs, config.allowed.minutes, config.allowed.images, choice.enough_epochs,
      choice.short_of_time() ? ", so more time makes it better" : "", choice.mean_latency_us);
  text += std::format("name = {}\nseed = 1\n\n[data]\nfile = {}\n", quoted(config.name), quoted(config.data));
  text += route_text(config.route);
  text += stage_text(config, "little", config.little) + stage_text(config, "big", config.big);
  if (config.allowed.most_latency_us)
    text += std::format("\n[build]\nlatency_us = {}\n", *config.allowed.most_latency_us);
  return text;
}

std::string trial_config_text(const std::string& data, int side, const std::vector<SuggestedNet>& nets, int batch,
                              std::size_t route) {
  std::string text = std::format("name = \"trial\"\n[data]\nfile = {}\n{}", quoted(data), route_text(route));
  for (std::size_t i = 0; i < nets.size(); ++i)
    text += std::format("[[stage]]\nname = \"net{}\"\narch = {}\nepochs = 1\nbatch = {}\n[stage.augment]\n{}", i,
                        quoted(nets[i].arch), batch, augment_text(side));
  return text;
}

}  // namespace triage::workflow
