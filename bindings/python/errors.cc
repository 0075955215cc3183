#include "bindings/python/errors.h"

#include <array>

#include "core/json.h"

namespace triage::python {
namespace {

// In the order of ErrorCode.
constexpr std::array kNames{"NotFoundError", "DamagedError",     "UnsupportedError", "BadInputError",
                            "EngineError",   "OutOfMemoryError", "UnreadableError"};

void translate(const std::exception_ptr& thrown, void* /*payload*/) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Error&) {
    const ErrorInfo error = engine::current_error();
    const nb::object kind = nb::module_::import_("triage.errors").attr(kNames.at(static_cast<std::size_t>(error.code)));
    PyErr_SetString(kind.ptr(), valid_utf8(error.message).c_str());
  }
}

thread_local std::vector<std::string>* t_messages = nullptr;

}  // namespace

void bind_errors(nb::module_& /*module*/) {
  nb::register_exception_translator(translate);
  set_warning_sink([](const std::string& message) {
    if (t_messages != nullptr) t_messages->push_back(message);
  });
}

Warnings::Warnings() : outer_(t_messages) { t_messages = &messages_; }

Warnings::~Warnings() { t_messages = outer_; }

void Warnings::raise() {
  for (const std::string& message : messages_) {
    if (PyErr_WarnEx(PyExc_UserWarning, valid_utf8(message).c_str(), 1) != 0) throw nb::python_error();
  }
}

}  // namespace triage::python
