// Any bytes as somebody's ONNX file: refused with an Error, or a net that can be adapted and folded; as a graph it can
// be written, read again, counted and folded, and holds the same nodes. Few changed bytes are still a message, so what
// can be parsed of them is also taken with some of its fields changed, by a draw that follows from the bytes.
#include <google/protobuf/message.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <format>
#include <limits>

#include "core/error.h"
#include "core/rng.h"
#include "importing/adapt.h"
#include "model/counts.h"
#include "model/onnx/read.h"
#include "model/onnx/write.h"
#include "model/shapes.h"

namespace {

using namespace triage;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int kClasses = 3, kChanges = 3;

// A file in memory alone, by the name under which it can be opened.
class MemoryFile {
 public:
  MemoryFile(const void* data, std::size_t size) : file_(memfd_create("fuzz", 0)) {
    if (file_ < 0 || write(file_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  fs::path path() const { return std::format("/proc/self/fd/{}", file_); }

 private:
  int file_;
};

void as_graph(const fs::path& file) {
  model::Graph graph = model::read_onnx(file);
  const auto again = [](const model::Graph& written) {
    return model::from_onnx(model::to_onnx(written), "again.onnx", {}).nodes.size();
  };
  if (again(graph) != graph.nodes.size()) std::abort();
  model::count(graph);
  model::fold_constants(graph);
  if (again(graph) != graph.nodes.size()) std::abort();
}

void as_net(const fs::path& file) {
  const importing::OnnxNet net = importing::read_onnx_net({.file = file}, kClasses);
  importing::folded(importing::adapted(net, {.free_batch = net.input.batch > 0}), file);
}

void take(const void* data, std::size_t size) {
  const MemoryFile file(data, size);
  for (const auto way : {as_graph, as_net}) {
    try {
      way(file.path());
    } catch (const Error&) {
    }
  }
}

std::int64_t odd_number(Rng& rng) {
  constexpr std::int64_t kOdd[] = {0,
                                   1,
                                   -1,
                                   2,
                                   3,
                                   7,
                                   13,
                                   1 << 20,
                                   std::numeric_limits<std::int32_t>::max(),
                                   std::numeric_limits<std::int64_t>::max(),
                                   std::numeric_limits<std::int64_t>::min()};
  return kOdd[rng.below(std::size(kOdd))];
}

void change_number(Message& message, const FieldDescriptor* field, int at, Rng& rng) {
  const google::protobuf::Reflection& fields = *message.GetReflection();
  const std::int64_t number = odd_number(rng);
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      at < 0 ? fields.SetInt64(&message, field, number) : fields.SetRepeatedInt64(&message, field, at, number);
      return;
    case FieldDescriptor::CPPTYPE_INT32:
      at < 0 ? fields.SetInt32(&message, field, static_cast<std::int32_t>(number % 24))  // types of elements
             : fields.SetRepeatedInt32(&message, field, at, static_cast<std::int32_t>(number));
      return;
    case FieldDescriptor::CPPTYPE_FLOAT:
      if (at < 0) fields.SetFloat(&message, field, static_cast<float>(number) / 3);
      return;
    default:
      return;
  }
}

// Goes down from the message by a draw and changes what it comes to: a number, a name (to one of `names`), or the
// elements of a list.
void change(Message& message, const std::vector<std::string>& names, Rng& rng) {
  const google::protobuf::Reflection& fields = *message.GetReflection();
  std::vector<const FieldDescriptor*> set;
  fields.ListFields(message, &set);
  if (set.empty()) return;
  const FieldDescriptor* field = set[rng.below(static_cast<std::uint32_t>(set.size()))];
  const int count = field->is_repeated() ? fields.FieldSize(message, field) : 0;
  const int at = count > 0 ? static_cast<int>(rng.below(static_cast<std::uint32_t>(count))) : -1;
  constexpr std::uint32_t kOften = 8;
  if (at >= 0 && rng.below(kOften) == 0) {
    fields.SwapElements(&message, field, at, count - 1);
    if (rng.below(2) == 0) fields.RemoveLast(&message, field);
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    change(at < 0 ? *fields.MutableMessage(&message, field) : *fields.MutableRepeatedMessage(&message, field, at),
           names, rng);
  } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && field->type() == FieldDescriptor::TYPE_STRING) {
    const std::string& name = names[rng.below(static_cast<std::uint32_t>(names.size()))];
    at < 0 ? fields.SetString(&message, field, name) : fields.SetRepeatedString(&message, field, at, name);
  } else {
    change_number(message, field, at, rng);
  }
}

std::vector<std::string> names_of(const onnx::ModelProto& model) {
  std::vector<std::string> names{"", "x"};
  for (const auto& node : model.graph().node()) {
    names.push_back(node.op_type());
    names.insert(names.end(), node.input().begin(), node.input().end());
    names.insert(names.end(), node.output().begin(), node.output().end());
    for (const auto& attribute : node.attribute()) names.push_back(attribute.name());
  }
  return names;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  take(data, size);
  onnx::ModelProto model;
  if (!model.ParsePartialFromArray(data, static_cast<int>(size)) && !model.has_graph()) return 0;
  Rng rng(derive_seed(std::hash<std::string_view>()({reinterpret_cast<const char*>(data), size}), "changes"));
  const std::vector<std::string> names = names_of(model);
  for (int i = 0; i < kChanges; ++i) change(model, names, rng);
  const std::string changed = model.SerializePartialAsString();
  take(changed.data(), changed.size());
  return 0;
}
