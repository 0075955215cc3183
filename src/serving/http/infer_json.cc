#include "serving/http/infer_json.h"

#include <openssl/evp.h>

#include "serving/http/infer_request.h"

namespace triage::serving {
namespace {

constexpr std::size_t kMaxDepth = 16;       // of the tree, and of a nested tensor
constexpr std::size_t kMaxValues = 4096;    // of the tree
constexpr std::size_t kMaxText = 64 << 10;  // of a string that is no image
constexpr std::size_t kMaxInputs = 64;
constexpr std::size_t kMaxImageTexts = 4096;

[[noreturn]] void bad_json(const std::string& message) { throw ProtocolError(400, message); }

std::vector<std::uint8_t> from_base64(const std::string& text, const std::string& where) {
  std::vector<std::uint8_t> bytes(text.size() / 4 * 3);
  const int size =
      EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  if (text.size() % 4 != 0 || size != static_cast<int>(bytes.size()))
    bad_json(where + ": expected base64 (RFC 4648, with padding)");
  bytes.resize(bytes.size() - padding);
  return bytes;
}

// Builds the tree, and where it stands in inputs[i].data the tensor beside it.
class InferSax : public nlohmann::json_sax<Json> {
 public:
  InferJson take() { return std::move(out_); }

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return in_data_ ? add_number(double(value)) : put(value); }
  bool number_unsigned(number_unsigned_t value) override {
    if (in_data_ && value <= 255) return add_byte(static_cast<std::uint8_t>(value));
    return in_data_ ? add_number(double(value)) : put(value);
  }
  bool number_float(number_float_t value, const string_t&) override {
    return in_data_ ? add_number(value) : put(value);
  }
  bool binary(binary_t&) override { bad_json("JSON: expected no binary value"); }
  bool string(string_t& value) override {
    if (in_data_) {
      if (!data().numbers.empty()) mixed();
      if (data().strings.size() == kMaxImageTexts)
        bad_json(where() + std::format(": expected at most {} texts", kMaxImageTexts));
      data().strings.push_back(from_base64(value, where() + std::format("[{}]", data().strings.size())));
      return true;
    }
    if (value.size() > kMaxText) bad_json(std::format("JSON: expected texts of at most {} bytes", kMaxText));
    return put(std::move(value));
  }
  bool start_object(std::size_t) override {
    if (in_data_) bad_json(where() + ": expected numbers, texts or arrays of them, found an object");
    return open(Json::object());
  }
  bool start_array(std::size_t) override {
    if (!in_data_ && begins_data()) {
      if (out_.data.size() < inputs()) out_.data.resize(inputs());
      in_data_ = true;
      if (data().present) bad_json(where() + ": expected it once");
      data().present = true;
    }
    if (in_data_) {
      if (++data_depth_ > kMaxDepth) bad_json(where() + std::format(": expected at most {} dimensions", kMaxDepth));
      return true;
    }
    return open(Json::array());
  }
  bool end_object() override {
    stack_.pop_back();
    return true;
  }
  bool end_array() override {
    if (in_data_) {
      in_data_ = --data_depth_ > 0;
      return true;
    }
    stack_.pop_back();
    return true;
  }
  bool key(string_t& name) override {
    if (stack_.back()->contains(name)) bad_json(std::format("JSON: expected the key '{}' once", valid_utf8(name)));
    key_ = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&) override {
    bad_json(std::format("JSON: malformed at byte {}", position));
  }

 private:
  // The key "data" of an object that is an element of the array "inputs" of the whole.
  bool begins_data() const {
    if (stack_.size() != 3 || key_ != "data" || !stack_.back()->is_object()) return false;
    const Json* const list = stack_[1];
    return list->is_array() && out_.tree.contains("inputs") && &out_.tree["inputs"] == list;
  }
  std::size_t inputs() const { return stack_[1]->size(); }
  InferData& data() { return out_.data.back(); }
  std::string where() const { return std::format("inputs[{}].data", out_.data.size() - 1); }
  [[noreturn]] void mixed() { bad_json(where() + ": expected numbers or texts, found both"); }

  bool add_byte(std::uint8_t value) {
    if (!data().strings.empty()) mixed();
    data().numbers.push_back(value);
    return true;
  }
  bool add_number(double value) {
    if (!(value >= 0 && value <= 255) || value != static_cast<double>(static_cast<std::uint8_t>(value)))
      bad_json(where() +
               std::format("[{}]: expected a whole number from 0 to 255, found {}", data().numbers.size(), value));
    return add_byte(static_cast<std::uint8_t>(value));
  }

  bool put(Json value) {
    if (in_data_) bad_json(where() + ": expected numbers or texts, found " + value.type_name());
    place(std::move(value));
    return true;
  }
  bool open(Json container) {
    if (stack_.size() == kMaxDepth) bad_json(std::format("JSON: expected at most {} levels", kMaxDepth));
    stack_.push_back(place(std::move(container)));
    return true;
  }
  Json* place(Json value) {
    if (++values_ > kMaxValues) bad_json(std::format("JSON: expected at most {} values besides the data", kMaxValues));
    if (stack_.empty()) return &(out_.tree = std::move(value));
    Json& parent = *stack_.back();
    if (parent.is_array()) {
      if (stack_.size() == 2 && parent.size() == kMaxInputs)
        bad_json(std::format("JSON: expected at most {} tensors", kMaxInputs));
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[key_] = std::move(value));
  }

  InferJson out_;
  std::vector<Json*> stack_;
  std::string key_;
  std::size_t values_ = 0, data_depth_ = 0;
  bool in_data_ = false;
};

}  // namespace

InferJson parse_infer_json(std::string_view text) {
  InferSax sax;
  Json::sax_parse(text, &sax);
  InferJson out = sax.take();
  if (out.tree.is_object() && out.tree.contains("inputs")) out.data.resize(out.tree["inputs"].size());
  return out;
}

}  // namespace triage::serving
