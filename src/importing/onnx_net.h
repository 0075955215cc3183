// A classifier that somebody has as an ONNX file, read by structure: what it takes and what it answers. Names of values
// mean nothing, except where a person gives them.
#pragma once

#include <onnx/onnx_pb.h>

#include <string>
#include <vector>

#include "core/files/file.h"
#include "preprocess/preprocess.h"

namespace triage::importing {

inline constexpr int kMinOpset = 7, kMaxOpset = 22;  // that ONNX Runtime 1.21 runs as they are meant

struct NetInput {
  std::string name;
  onnx::TensorProto::DataType type{};  // FLOAT, FLOAT16 or UINT8
  preprocess::Layout layout = preprocess::Layout::nchw;
  int channels = 0, height = 0, width = 0;  // channels 1 or 3
  int batch = 0;                            // 0: free; else the one size it runs
};

struct NetOutput {
  std::string name;
  onnx::TensorProto::DataType type{};  // FLOAT or FLOAT16
  std::vector<std::int64_t> dims;      // as the file says, 0: free; empty: the file does not say
  bool softmax = false;                // the value is made by a Softmax over the classes, whose input is taken instead
};

struct OnnxNet {
  std::string name;  // the file's stem
  fs::path file;
  std::string sha256;      // of the file, and of the data beside it
  onnx::ModelProto model;  // with the data beside the file in it
  int opset = 0;           // of the default domain
  NetInput input;
  NetOutput output;
  int width = 0;  // values in an answer: the classes, or one more
};

// What a person can say of a net in place of what its file shows.
struct NetRequest {
  fs::path file;
  std::string output;    // name of the value that answers; empty: the one of the right width
  std::string features;  // name of a value that routers may see; empty: none
};

// classes: that the images have; answers are as wide, or one wider (a background class, which is the first), or
// `names` wide where it is not 0 (the number of names that were given for the net's classes). Throws Error naming file,
// node or value, found and expected: what is no classifier of images, more than one input, free sizes, operators that
// no engine here knows, files beside it that are not there.
OnnxNet read_onnx_net(const NetRequest& request, int classes, int names = 0);

// The name of the value that a person gives, among all that nodes make. Throws Error listing some where there is none.
const onnx::NodeProto& node_that_makes(const OnnxNet& net, const std::string& value);

}  // namespace triage::importing
