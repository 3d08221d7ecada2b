#pragma once

// Every operation that a node answers with the handler that answers it.

#include <vector>

#include "actors/binding.hpp"

namespace ait::node {

/// One binding for each row that is not the command line's own; the rows of signed transactions
/// have one without a handler, because the gateway submits those itself. Error: internal, which
/// names the row that is bound twice or not at all: the node must not start then.
Result<std::vector<Binding>> all_bindings();

}  // namespace ait::node
