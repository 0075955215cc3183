#include "train/files/network_file.h"

#include "core/files/file.h"
#include "supernet/modules/elastic_network.h"
#include "train/files/archive_check.h"

namespace triage::train {
namespace {

constexpr int kNetworkVersion = 1;
constexpr const char* kAbout = "about";

// What the family's networks have of their own, between the exits and the normalisation.
Json options_of(const supernet::AnyNetworkImpl& network) {
  if (const auto* plain = dynamic_cast<const supernet::NetworkImpl*>(&network)) {
    const supernet::NetworkOptions& options = plain->options();
    return {{"features_block", options.features_block},
            {"head_scale", options.head_scale},
            {"epsilon", options.epsilon},
            {"residual", options.residual}};
  }
  const supernet::ElasticOptions& options = dynamic_cast<const supernet::ElasticNetworkImpl&>(network).options();
  return {{"features_block", options.features_section}, {"epsilon", options.epsilon}};
}

Json describe(const supernet::AnyNetworkImpl& network, const NetworkAbout& about) {
  Json json = {
      {"kind", "triage network"},          {"version", kNetworkVersion}, {"space", network.any_space()->text()},
      {"input", to_json(network.input())}, {"classes", about.classes},   {"exits", network.exits()}};
  json.update(options_of(network));
  json["mean"] = about.normalization.mean;
  json["stddev"] = about.normalization.stddev;
  json["identity"] = about.identity;
  return json;
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

supernet::AnyNetwork empty_network(const JsonReader& about, int classes, bool bf16) {
  const auto space = family::AnySpace::parse(about.get<std::string>("space"));
  const plan::InputShape input = plan::input_shape_from_json(about.at("input"));
  const auto exits = about.get<std::vector<int>>("exits");
  const int features = about.get<int>("features_block");
  const double epsilon = about.get<double>("epsilon");
  if (!space.is_plain()) {
    return std::make_shared<supernet::ElasticNetworkImpl>(
        space->text(), input, classes,
        supernet::ElasticOptions{.bf16 = bf16, .features_section = features, .epsilon = epsilon, .exits = exits},
        /*seed=*/0);
  }
  supernet::NetworkOptions options;
  options.bf16 = bf16;
  options.exits = exits;
  options.features_block = features;
  options.head_scale = about.get<double>("head_scale");
  options.residual = about.get_or<bool>("residual", false);
  options.epsilon = epsilon;
  return std::make_shared<supernet::NetworkImpl>(space.plain(), input, classes, options, /*seed=*/0);
}

}  // namespace

void save_network(const fs::path& file, const supernet::AnyNetworkImpl& network, const supernet::NamedTensors& state,
                  const NetworkAbout& about, WeightStorage storage) {
  Tensors tensors;
  for (const auto& [name, tensor] : state) {
    const bool shorten = storage == WeightStorage::bf16 && (name.ends_with(".weight") || name.ends_with("/weight"));
    tensors[name] = shorten ? tensor.to(at::kBFloat16) : tensor;
  }
  Json described = describe(network, about);
  described["tensors_sha256"] = digest(tensors);
  seal(described);
  write_file_atomic(file, pickle(tensors, {{kAbout, dump_json(described)}}));
}

AnyNetworkFile load_any_network(const fs::path& file, ComputeType precision) {
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
  const supernet::AnyNetwork network =
      empty_network(about, static_cast<int>(classes.size()), precision == ComputeType::bf16);
  network->load_state(in_order_of(network->state(), pickled.tensors), origin);
  network->eval();
  return {{classes,
           {about.get<std::vector<float>>("mean"), about.get<std::vector<float>>("stddev")},
           about.at("identity").json()},
          network,
          sha256_hex(content)};
}

NetworkFile load_network(const fs::path& file, ComputeType precision) {
  AnyNetworkFile any = load_any_network(file, precision);
  if (!any.network->any_space().is_plain())
    fail("{}: expected a network of the family plain, found {}", file.string(), any.network->any_space()->text());
  const supernet::Network plain = supernet::plain_network(any.network);
  return {std::move(static_cast<NetworkAbout&>(any)), plain, std::move(any.sha256)};
}

}  // namespace triage::train
