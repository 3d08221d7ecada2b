#pragma once

// What happens when a handler throws: never should it, and an actor that limps on without its state
// is worse than a restart of the whole node from its log.

#include <caf/error.hpp>
#include <caf/fwd.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace ait {

/// First line of every actor whose loss would cost money or agreement: an exception ends the
/// process and the supervisor starts it again. CAF would end only the actor and tell the caller
/// little.
template <class ActorPointer>
void abort_on_exception(ActorPointer self) {
    self->set_exception_handler(
        [name = self->name()](caf::scheduled_actor*, std::exception_ptr& failure) -> caf::error {
            try {
                std::rethrow_exception(failure);
            } catch (const std::exception& cause) {
                std::fprintf(stderr, "actor %s failed: %s\n", name, cause.what());
            } catch (...) {
                std::fprintf(stderr, "actor %s failed\n", name);
            }
            std::abort();
        });
}

}  // namespace ait
