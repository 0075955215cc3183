// The int8 forms of the nets of a cascade, as further nets.
#pragma once

#include <string>
#include <vector>

#include "workflow/cascade/imported_net.h"
#include "workflow/cascade/int8_form.h"

namespace triage::workflow {

inline constexpr const char* kInt8Suffix = "-int8";  // of the name of a net in int8

// What a whole net of the plan reads.
FormSource whole_net(const plan::Stage& stage, const data::DatasetInfo& images);

// The stage with its file in int8, under another name where one is given, and what was found. Its file lies in
// `directory`, the new one is written into `to` as NAME.onnx; costs are dropped. Nothing is written, and nothing of the
// stage changes, where the report says that all stays in fp32. Throws as int8_form does.
exporting::QuantizeReport quantize_stage_file(plan::Stage& stage, const fs::path& directory, const fs::path& to,
                                              const std::string& name, const FormSource& source,
                                              const Int8Images& images, const Int8Choice& choice,
                                              std::vector<std::string>& notes);

// The same for stage `index` of `plan`, under its own name, as a whole net or a part of one whose parts before it are
// in `to` already; `before` is the plan as it stands in `directory`. Its file is copied where it stays as it is.
// Returns whether it is in int8 now; what was found is said in `notes`. Throws Error where the stage's file is not the
// one that the plan was made with.
bool quantize_stage_of_net(plan::Plan& plan, std::size_t index, const plan::Plan& before, const fs::path& directory,
                           const fs::path& to, const Int8Images& images, const Int8Choice& choice,
                           std::vector<std::string>& notes);

// Appends NAME-int8 for each net that has an int8 form worth asking; why another one has none is said in its notes.
// Throws Interrupted.
void add_int8_nets(std::vector<ImportedNet>& nets, const fs::path& directory, const Int8Images& images,
                   const Int8Choice& choice);

}  // namespace triage::workflow
