#include "workflow/cascade/find_preprocess.h"

namespace triage::workflow {

preprocess::Preprocess usual_preprocess(const importing::NetInput& input) {
  preprocess::Preprocess usual{
      .height = input.height, .width = input.width, .channels = input.channels, .layout = input.layout};
  usual.mean = input.channels == 3 ? std::vector{0.485, 0.456, 0.406} : std::vector{0.5};
  usual.stddev = input.channels == 3 ? std::vector{0.229, 0.224, 0.225} : std::vector{0.5};
  return usual;
}

std::vector<PreprocessTrial> find_preprocess(const importing::OnnxNet& net, const engine::Session&,
                                             const data::Dataset&, std::span<const std::uint32_t>, const Context&,
                                             std::vector<std::string>&) {
  return {{"usual", usual_preprocess(net.input), 0}};
}

}  // namespace triage::workflow
