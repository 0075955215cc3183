// Values of C++ as arrays of numpy that own them.
#pragma once

#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "bindings/python/nanobind.h"

namespace triage::python {

template <class T>
nb::object array_of(std::vector<T> values, std::initializer_list<std::size_t> shape) {
  auto held = std::make_unique<std::vector<T>>(std::move(values));
  T* const data = held->data();
  const nb::capsule owner(held.release(), [](void* memory) noexcept { delete static_cast<std::vector<T>*>(memory); });
  return nb::ndarray<nb::numpy, T>(data, shape, owner).cast();
}

}  // namespace triage::python
