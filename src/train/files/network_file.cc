#include "train/files/network_file.h"

#include "core/files/file.h"
#include "train/files/archive_check.h"

namespace triage::train {
namespace {

constexpr int kNetworkVersion = 1;
constexpr const char* kAbout = "about";

Json describe(const supernet::NetworkImpl& network, const NetworkAbout& about) {
  const supernet::NetworkOptions& options = network.options();
  return {{"kind", "triage network"},
          {"version", kNetworkVersion},
          {"space", network.space().text()},
          {"input", to_json(network.input())},
          {"classes", about.classes},
          {"exits", options.exits},
          {"features_block", options.features_block},
          {"head_scale", options.head_scale},
          {"epsilon", options.epsilon},
          {"residual", options.residual},
          {"mean", about.normalization.mean},
          {"stddev", about.normalization.stddev},
          {"identity", about.identity}};
}

// Of all tensors: names, types, shapes and values.
std::string digest(const Tensors& tensors) {
  Sha256 hash;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor values = tensor.detach().cpu().contiguous();
    const std::string head =
        std::format("{}\n{} {}\n", name, c10::toString(values.scalar_type()), c10::str(values.sizes()));
    hash.update(head.data(), head.size());
    hash.update(values.const_data_ptr(), values.nbytes());
  }
  return hash.hex();
}

// Files of before there were checksums say nothing here; the archive's own were held against its records already.
void check_contents(Json& about, const Tensors& tensors, const std::string& origin) {
  if (!unseal(about, origin + ": about")) return;
  const std::string expected = JsonReader(about, origin + ": about").get<std::string>("tensors_sha256");
  if (const std::string found = digest(tensors); found != expected)
    fail("{}: damaged: its tensors: expected SHA-256 {}, found {}", origin, expected, found);
}

supernet::NetworkOptions read_options(const JsonReader& about, bool bf16) {
  supernet::NetworkOptions options;
  options.bf16 = bf16;
  options.exits = about.get<std::vector<int>>("exits");
  options.features_block = about.get<int>("features_block");
  options.head_scale = about.get<double>("head_scale");
  options.residual = about.get_or<bool>("residual", false);
  options.epsilon = about.get<double>("epsilon");
  return options;
}

}  // namespace

void save_network(const fs::path& file, const supernet::NetworkImpl& network, const supernet::NamedTensors& state,
                  const NetworkAbout& about, WeightStorage storage) {
  Tensors tensors;
  for (const auto& [name, tensor] : state) {
    const bool shorten = storage == WeightStorage::bf16 && name.ends_with(".weight");
    tensors[name] = shorten ? tensor.to(at::kBFloat16) : tensor;
  }
  Json described = describe(network, about);
  described["tensors_sha256"] = digest(tensors);
  seal(described);
  write_file_atomic(file, pickle(tensors, {{kAbout, dump_json(described)}}));
}

NetworkFile load_network(const fs::path& file, ComputeType precision) {
  const std::string origin = file.string(), content = read_file(file);
  check_archive(content, origin);
  const Pickled pickled = unpickle(content, origin);
  const auto found = pickled.texts.find(kAbout);
  if (found == pickled.texts.end()) {
    fail("{}: expected a triage network, with '{}' beside its tensors, found {} tensors alone", origin, kAbout,
         pickled.tensors.size());
  }
  Json json = parse_json(found->second, origin + ": about");
  check_contents(json, pickled.tensors, origin);
  const JsonReader about(json, origin + ": about");
  if (const int version = about.get<int>("version"); version != kNetworkVersion) {
    fail("{}: version: expected {}, found {}", origin, kNetworkVersion, version);
  }
  const auto classes = about.get<std::vector<std::string>>("classes");
  supernet::Network network(plan::SearchSpace::parse(about.get<std::string>("space")),
                            plan::input_shape_from_json(about.at("input")), static_cast<int>(classes.size()),
                            read_options(about, precision == ComputeType::bf16), /*seed=*/0);
  network->load_state(in_order_of(network->state(), pickled.tensors), origin);
  network->eval();
  return {network,
          classes,
          {about.get<std::vector<float>>("mean"), about.get<std::vector<float>>("stddev")},
          about.at("identity").json(),
          sha256_hex(content)};
}

}  // namespace triage::train
